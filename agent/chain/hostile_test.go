package chain

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/mesh"
)

// FuzzCheck: whatever entries come one after the other, each is refused or
// fits: then every chain that they are part of compiles, ends, leads to
// targets, and is the same again.
func FuzzCheck(f *testing.F) {
	const rich = `{"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http"}}`
	for _, lines := range [][]string{
		{rich, `{"Kind":"service-router","Name":"a","Routes":[{"Match":{"HTTP":{"PathPrefix":"/b"}},"Destination":{"Service":"b","PrefixRewrite":"/"}}]}`},
		{rich, `{"Kind":"service-splitter","Name":"a","Splits":[{"Weight":50,"Service":"b"},{"Weight":50,"Service":"c"}]}`, `{"Kind":"service-splitter","Name":"b","Splits":[{"Weight":100,"Service":"a"}]}`},
		{`{"Kind":"service-resolver","Name":"a","Redirect":{"Service":"b"}}`, `{"Kind":"service-resolver","Name":"b","Redirect":{"Service":"a"}}`},
		{`{"Kind":"service-resolver","Name":"a","DefaultSubset":"v1","Subsets":{"v1":{}},"Failover":{"*":{"Targets":[{"Service":"b"},{"Datacenter":"dc2"},{"Peer":"p"}]}}}`},
		{`{"Kind":"service-defaults","Name":"a","Protocol":"grpc"}`, `{"Kind":"service-splitter","Name":"a","Splits":[{"Weight":100,"Service":"a"}]}`},
	} {
		f.Add(strings.Join(lines, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		stored := set{}
		for line := range strings.Lines(text) {
			var raw map[string]any
			if json.Unmarshal([]byte(line), &raw) != nil {
				continue
			}
			entry, err := mesh.DecodeEntry(raw)
			if err != nil || mesh.Prepare(entry) != nil {
				continue
			}
			if err := Check(stored, entry.ID(), entry); err != nil {
				if err.Error() == "" {
					t.Errorf("%s is refused without a word", line)
				}
				continue
			}
			stored[entry.ID()] = entry
		}
		for id := range stored {
			if !slices.Contains([]string{mesh.ServiceRouter, mesh.ServiceSplitter, mesh.ServiceResolver}, id.Kind) {
				continue
			}
			request := Request{Service: id.Name, Datacenter: "dc1", TrustDomain: "x.consul"}
			one, err := Compile(stored, request)
			if err != nil {
				t.Fatalf("what was stored does not compile for %q: %v", id.Name, err)
			}
			if one.Nodes[one.StartNode] == nil || len(one.Targets) == 0 {
				t.Errorf("the chain of %q begins nowhere: %+v", id.Name, one)
			}
			for name, node := range one.Nodes {
				for _, to := range leads(node) {
					if one.Nodes[to] == nil {
						t.Errorf("of %q, %s leads to %q, which is not there", id.Name, name, to)
					}
				}
				if node.Resolver != nil && one.Targets[node.Resolver.Target] == nil {
					t.Errorf("of %q, %s has the target %q, which is not there", id.Name, name, node.Resolver.Target)
				}
			}
			other, err := Compile(stored, request)
			first, _ := json.Marshal(one)
			if second, _ := json.Marshal(other); err != nil || string(first) != string(second) {
				t.Errorf("compiled to %s, and then to %s, %v", first, second, err)
			}
		}
	})
}

// leads returns the names of the nodes that a node leads to.
func leads(node *Node) (all []string) {
	for _, route := range node.Routes {
		all = append(all, route.NextNode)
	}
	for _, split := range node.Splits {
		all = append(all, split.NextNode)
	}
	return all
}
