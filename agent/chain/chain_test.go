package chain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/mesh"
)

// set is entries in memory.
type set map[mesh.EntryID]mesh.Entry

func (s set) ConfigEntry(id mesh.EntryID) mesh.Entry {
	if found, ok := s[id]; ok {
		return found
	}
	return nil
}

func (s set) ConfigEntries(kind string) (all []mesh.Entry) {
	for id, entry := range s {
		if id.Kind == kind {
			all = append(all, entry)
		}
	}
	slices.SortFunc(all, func(a, b mesh.Entry) int { return strings.Compare(a.ID().Name, b.ID().Name) })
	return all
}

// decode returns a prepared entry.
func decode(t *testing.T, text string) mesh.Entry {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	entry, err := mesh.DecodeEntry(raw)
	if err == nil {
		err = mesh.Prepare(entry)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return entry
}

// with returns a set of entries.
func with(t *testing.T, texts ...string) set {
	t.Helper()
	s := set{}
	for _, text := range texts {
		entry := decode(t, text)
		s[entry.ID()] = entry
	}
	return s
}

// way tells where requests go, one line for each place where that is decided.
func way(c *Chain, key string) string {
	node := c.Nodes[key]
	text := ""
	for _, route := range node.Routes {
		text += "route " + way(c, route.NextNode)
	}
	for _, split := range node.Splits {
		text += fmt.Sprintf("%v%% %s", split.Weight, way(c, split.NextNode))
	}
	if node.Resolver == nil {
		return text
	}
	text = strings.ReplaceAll(node.Resolver.Target, ".default.default", "")
	if node.Resolver.Failover != nil {
		text += " else " + strings.ReplaceAll(strings.Join(node.Resolver.Failover.Targets, " "), ".default.default", "")
	}
	return text + "\n"
}

const http = `{"Kind":"proxy-defaults","Config":{"protocol":"http"}}`

func TestCompile(t *testing.T) {
	for name, tc := range map[string]struct {
		entries []string
		want    string
	}{
		"nothing":            {nil, "web.dc1\n"},
		"a redirect":         {[]string{`{"Kind":"service-resolver","Name":"web","Redirect":{"Service":"new","Datacenter":"dc2"}}`}, "new.dc2\n"},
		"a peer":             {[]string{`{"Kind":"service-resolver","Name":"web","Redirect":{"Service":"new","Peer":"p"}}`}, "new.external.p\n"},
		"a default subset":   {[]string{`{"Kind":"service-resolver","Name":"web","DefaultSubset":"v1","Subsets":{"v1":{}}}`}, "v1.web.dc1\n"},
		"failover elsewhere": {[]string{`{"Kind":"service-resolver","Name":"web","Failover":{"*":{"Datacenters":["dc2","dc1","dc3"]}}}`}, "web.dc1 else web.dc2 web.dc3\n"},
		"failover of a subset": {[]string{`{"Kind":"service-resolver","Name":"web","DefaultSubset":"v1","Subsets":{"v1":{},"v2":{}},
			"Failover":{"v1":{"ServiceSubset":"v2"},"*":{"Service":"other"}}}`}, "v1.web.dc1 else v2.web.dc1\n"},
		"failover to itself": {[]string{`{"Kind":"service-resolver","Name":"web","Failover":{"*":{"Service":"web"}}}`}, "web.dc1\n"},
		"splitters within splitters": {[]string{http,
			`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":50},{"Weight":50,"Service":"b"}]}`,
			`{"Kind":"service-splitter","Name":"b","Splits":[{"Weight":20},{"Weight":80,"Service":"c"}]}`,
			`{"Kind":"service-splitter","Name":"c","Splits":[{"Weight":100,"Service":"d"}]}`,
		}, "50% web.dc1\n10% b.dc1\n40% d.dc1\n"},
		"a router": {[]string{http,
			`{"Kind":"service-router","Name":"web","Routes":[{"Destination":{"Service":"b"}},{"Destination":{"ServiceSubset":"v2"}}]}`,
			`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":100,"Service":"c"}]}`,
			`{"Kind":"service-resolver","Name":"web","Subsets":{"v2":{}}}`,
		}, "route b.dc1\nroute v2.web.dc1\nroute 100% c.dc1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Compile(with(t, tc.entries...), Request{Service: "web", Datacenter: "dc1", TrustDomain: "t"})
			if err != nil {
				t.Fatal(err)
			}
			if text := way(got, got.StartNode); text != tc.want {
				t.Errorf("got\n%swant\n%s", text, tc.want)
			}
			for key, node := range got.Nodes {
				if node.Resolver != nil && got.Targets[node.Resolver.Target] == nil {
					t.Errorf("%s leads to a target that is not there", key)
				}
			}
			if got.Default != (tc.entries == nil) {
				t.Errorf("got default %t", got.Default)
			}
		})
	}
}

// Requests pass the outer splitter first, answers the inner one: who comes
// last decides.
func TestHeadersWithinSplitters(t *testing.T) {
	got, err := Compile(with(t, http,
		`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":100,"Service":"b","RequestHeaders":{"Set":{"x":"outer","o":"1"},"Remove":["r"]},"ResponseHeaders":{"Add":{"y":"outer"}}}]}`,
		`{"Kind":"service-splitter","Name":"b","Splits":[{"Weight":100,"RequestHeaders":{"Set":{"x":"inner"},"Remove":["r","s"]},"ResponseHeaders":{"Add":{"y":"inner"}}}]}`,
	), Request{Service: "web", Datacenter: "dc1"})
	if err != nil {
		t.Fatal(err)
	}
	split := got.Nodes[got.StartNode].Splits[0].Definition
	if h := split.RequestHeaders; h.Set["x"] != "inner" || h.Set["o"] != "1" || strings.Join(h.Remove, " ") != "r s" {
		t.Errorf("got request headers %+v", h)
	}
	if h := split.ResponseHeaders; h.Add["y"] != "outer" {
		t.Errorf("got response headers %+v", h)
	}
}

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		stored []string
		entry  string // or the kind and the name of one to be removed
		want   string
	}{
		"fits":      {nil, `{"Kind":"service-resolver","Name":"web"}`, ""},
		"a circle":  {[]string{`{"Kind":"service-resolver","Name":"a","Redirect":{"Service":"b"}}`}, `{"Kind":"service-resolver","Name":"b","Redirect":{"Service":"a"}}`, "detected circular resolver redirect: [b.default.default.dc1 -> a.default.default.dc1 -> b.default.default.dc1]"},
		"no subset": {nil, `{"Kind":"service-resolver","Name":"a","Redirect":{"Service":"b","ServiceSubset":"v"}}`, `service "b" does not have a subset named "v"`},
		"not HTTP":  {nil, `{"Kind":"service-router","Name":"a"}`, `discovery chain "a" uses a protocol "tcp" that does not permit advanced routing or splitting behavior`},
		"two tongues": {[]string{http, `{"Kind":"service-defaults","Name":"b","Protocol":"grpc"}`},
			`{"Kind":"service-splitter","Name":"a","Splits":[{"Weight":50},{"Weight":50,"Service":"b"}]}`, `discovery chain "a" uses inconsistent protocols; service "b" has "grpc" which is not "http"`},
		"a circle of splitters": {[]string{http, `{"Kind":"service-splitter","Name":"a","Splits":[{"Weight":100,"Service":"b"}]}`},
			`{"Kind":"service-splitter","Name":"b","Splits":[{"Weight":100,"Service":"a"}]}`, "detected circular reference: [splitter:b.default.default -> splitter:a.default.default -> splitter:b.default.default]"},
		"others lose their protocol": {[]string{http, `{"Kind":"service-router","Name":"a"}`}, "proxy-defaults global",
			`discovery chain "a" uses a protocol "tcp" that does not permit advanced routing or splitting behavior`},
		"others lose a subset": {[]string{`{"Kind":"service-resolver","Name":"b","Subsets":{"v":{}}}`, `{"Kind":"service-resolver","Name":"a","Redirect":{"Service":"b","ServiceSubset":"v"}}`},
			"service-resolver b", `service "b" does not have a subset named "v"`},
		"permissions without requests": {nil, `{"Kind":"service-intentions","Name":"a","Sources":[{"Name":"*","Permissions":[{"Action":"allow","HTTP":{"PathPrefix":"/"}}]}]}`,
			`service "a" has protocol "tcp", which is incompatible with L7 intentions permissions`},
		"intentions may always go": {nil, "service-intentions a", ""},
		"permissive":               {nil, `{"Kind":"proxy-defaults","MutualTLSMode":"permissive"}`, errPermissive.Error()},
		"permissive as before":     {[]string{`{"Kind":"service-defaults","Name":"a","MutualTLSMode":"permissive"}`}, `{"Kind":"service-defaults","Name":"a","Protocol":"http","MutualTLSMode":"permissive"}`, ""},
		"permissive as allowed":    {[]string{`{"Kind":"mesh","AllowEnablingPermissiveMutualTLS":true}`}, `{"Kind":"proxy-defaults","MutualTLSMode":"permissive"}`, ""},
		"no provider of tokens":    {nil, `{"Kind":"service-intentions","Name":"a","JWT":{"Providers":[{"Name":"j"}]},"Sources":[{"Name":"*","Action":"allow"}]}`, "1 error occurred:\n\t* Referenced JWT Provider does not exist. Provider Name: j\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var entry mesh.Entry
			var id mesh.EntryID
			if _, err := fmt.Sscanf(tc.entry, "%s %s", &id.Kind, &id.Name); err != nil || strings.HasPrefix(tc.entry, "{") {
				entry = decode(t, tc.entry)
				id = entry.ID()
			}
			err := Check(with(t, tc.stored...), id, entry)
			if (err == nil) != (tc.want == "") || err != nil && err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// Splitters that lead to each other twice at each step are compiled, or
// refused, in no time.
func TestManyParts(t *testing.T) {
	entries := []string{http}
	for n := range 40 {
		entries = append(entries, fmt.Sprintf(
			`{"Kind":"service-splitter","Name":"s%d","Splits":[{"Weight":50,"Service":"s%d"},{"Weight":50,"Service":"s%d","Namespace":"x"}]}`, n, n+1, n+1))
	}
	_, err := Compile(with(t, entries...), Request{Service: "s0", Datacenter: "dc1"})
	if want := `discovery chain "s0" splits requests into more than 10000 parts`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
