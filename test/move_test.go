package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"
	"github.com/miekg/dns"

	"github.com/realjf/muster/test/program"
	"github.com/realjf/muster/test/registry"
)

// A registry on disk moves into one in memory, and into another on disk.
func TestMove(t *testing.T) {
	t.Parallel()
	move(t, registry.Durable(muster, t.TempDir()), registry.Agent(muster), registry.Durable(muster, t.TempDir()))
}

// moveLimit is how long it may take until a registry that was moved into says
// what the first one did: an agent of Consul's looks at its checks after a part
// of their interval, and tells its catalog later.
const moveLimit = 60 * time.Second

// move fills the first registry, moves it from each to the next, and looks
// whether all say the same. Each move is done twice: the second changes
// nothing.
func move(t *testing.T, kinds ...registry.Kind) {
	t.Helper()
	health := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(health.Close)
	folder := t.TempDir()
	var want map[string]string
	var file string
	for n, kind := range kinds {
		s := newScene(t, kind)
		if n == 0 {
			s.furnish(health.URL)
			s.eventually(moveLimit, "the checks of the first have looked", func(ctx context.Context) (err error) {
				if want, err = s.sights(ctx); err == nil && strings.Contains(want["health of web"], consul.HealthCritical) {
					err = fmt.Errorf("web: %s", want["health of web"])
				}
				return err
			})
		} else {
			// What its checks look at is told by no Consul: without them its
			// services come along by themselves.
			s.run("import", "-without-checks", file)
			if out := s.run("import", "-without-checks", file); !strings.Contains(out, "nothing was to be written\n") {
				t.Errorf("moved to %s again, something was written:\n%s", kind.Name, out)
			}
			s.eventually(moveLimit, kind.Name+" says what the first did", func(ctx context.Context) error {
				got, err := s.sights(ctx)
				for what := range want {
					if err == nil && got[what] != want[what] {
						err = fmt.Errorf("%s: %s", what, firstDifference(got[what], want[what]))
					}
				}
				return err
			})
		}
		file = filepath.Join(folder, fmt.Sprintf("%d.json", n))
		s.run("export", file)
	}
}

// firstDifference is the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := append(strings.Split(got, "\n"), "the end"), append(strings.Split(want, "\n"), "the end")
	n := 0
	for n < min(len(g), len(w))-1 && g[n] == w[n] {
		n++
	}
	return fmt.Sprintf("line %d is %q, want %q", n+1, g[n], w[n])
}

// run runs muster against the scene's registry, and returns what it printed.
func (s *scene) run(command string, args ...string) string {
	s.Helper()
	p, err := program.Start(program.Spec{Name: command, Path: muster, Args: slices.Concat([]string{command, "-http-addr", s.registry.Address()}, args)})
	if err != nil {
		s.Fatal(err)
	}
	s.keep(p)
	ctx, cancel := context.WithTimeout(s.Context(), moveLimit)
	defer cancel()
	if code, err := p.Wait(ctx); err != nil || code != 0 {
		s.Fatalf("%s to %s: exit code %d, %v\n%s", command, s.registry.Name, code, err, p.Output())
	}
	return p.Output()
}

// furnish puts something of everything that moves into the registry.
func (s *scene) furnish(health string) {
	s.Helper()
	for _, entry := range []string{
		`{"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http"}}`,
		`{"Kind":"service-defaults","Name":"web","Protocol":"http"}`,
		`{"Kind":"service-resolver","Name":"web","DefaultSubset":"v1","ConnectTimeout":"3s",
			"Subsets":{"v1":{"Filter":"v1 in Service.Tags"},"v2":{"Filter":"v2 in Service.Tags"}}}`,
		`{"Kind":"service-resolver","Name":"a-name-before","Redirect":{"Service":"web","ServiceSubset":"v2"}}`,
		`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":90,"ServiceSubset":"v1"},{"Weight":10,"ServiceSubset":"v2"}]}`,
		`{"Kind":"service-router","Name":"web","Routes":[{"Match":{"HTTP":{"PathPrefix":"/api"}},"Destination":{"ServiceSubset":"v2"}}]}`,
		`{"Kind":"mesh","TransparentProxy":{"MeshDestinationsOnly":true}}`,
		`{"Kind":"service-intentions","Name":"db","Sources":[{"Name":"web","Action":"allow"},{"Name":"*","Action":"deny"}]}`,
	} {
		s.put("/v1/config", entry)
	}
	for _, service := range []string{
		fmt.Sprintf(`{"ID":"web-1","Name":"web","Address":"10.0.0.1","Port":8001,"Tags":["v1","a,b"],"Meta":{"k":"<v>"},"Weights":{"Passing":5,"Warning":1},
			"Checks":[{"HTTP":%q,"Interval":"1s","Timeout":"30s"},{"CheckID":"beat","TTL":"1h","Status":"passing"}]}`, health),
		`{"ID":"web-2","Name":"web","Port":8002,"Tags":["v2"],"TaggedAddresses":{"wan":{"Address":"1.2.3.4","Port":80}}}`,
		`{"ID":"web-3","Name":"web","Port":8003}`,
		`{"Name":"api","Port":8004,"Connect":{"Native":true}}`,
	} {
		s.put("/v1/agent/service/register", service)
	}
	s.put("/v1/agent/service/maintenance/web-3?enable=true&reason=later", "")
	s.put("/v1/catalog/register", `{"Node":"elsewhere","Address":"10.1.2.3","ID":"5a1f8a3a-0f0b-4a3b-9b1c-0000000000aa","NodeMeta":{"external-node":"true"},
		"Service":{"ID":"db-1","Service":"db","Port":5432,"Tags":["primary"]},
		"Checks":[{"CheckID":"ping","Name":"ping","Status":"passing"},
			{"CheckID":"db","Name":"db","Status":"warning","Output":"slow","ServiceID":"db-1","Definition":{"TCP":"10.1.2.3:5432","Interval":"10s"}}]}`)
	s.put("/v1/catalog/register", `{"Node":"bare","Address":"10.1.2.4"}`)
	for n := range 150 {
		s.put(fmt.Sprintf("/v1/kv/app/%03d?flags=%d", n, n), fmt.Sprintf("value %d", n))
	}
	s.put("/v1/kv/large", strings.Repeat("\x00\xffx", 512<<10/3)) // too large for a transaction
	s.put("/v1/kv/empty/", "")
	for _, query := range []*consul.PreparedQueryDefinition{
		{
			Name: "near-web", DNS: consul.QueryDNSOptions{TTL: "10s"},
			Service: consul.ServiceQuery{Service: "web", Tags: []string{"v1"}, OnlyPassing: true},
		},
		{
			Name: "geo-", Template: consul.QueryTemplate{Type: "name_prefix_match", Regexp: "^geo-(.*?)$"},
			Service: consul.ServiceQuery{Service: "${match(1)}"},
		},
	} {
		if _, _, err := s.client().PreparedQuery().Create(query, nil); err != nil {
			s.Fatal(err)
		}
	}
}

// client asks the scene's registry, and keeps no connection to it.
func (s *scene) client() *consul.Client {
	s.Helper()
	client, err := consul.NewClient(&consul.Config{Address: s.registry.Address(), Transport: &http.Transport{DisableKeepAlives: true}})
	if err != nil {
		s.Fatal(err)
	}
	return client
}

// sights are what users see of a registry, by what it is, in a form that does
// not say which registry it is.
func (s *scene) sights(ctx context.Context) (map[string]string, error) {
	sights, client := map[string]string{}, s.client()
	options := (&consul.QueryOptions{}).WithContext(ctx)
	for _, name := range []string{"web", "api", "db"} {
		entries, _, err := client.Health().Service(name, "", false, options)
		if err != nil {
			return nil, err
		}
		var lines []string
		for _, e := range entries {
			lines = append(lines, instanceLine(e, e.Checks.AggregatedStatus()))
		}
		sights["health of "+name] = sorted(lines)
	}
	for _, name := range []string{"near-web", "geo-db", "geo-nobody"} {
		answer, _, err := client.PreparedQuery().Execute(name, options)
		if err != nil {
			return nil, err
		}
		var lines []string
		for _, e := range answer.Nodes {
			lines = append(lines, instanceLine(&e, ""))
		}
		sights["query "+name] = answer.Service + " " + answer.DNS.TTL + "\n" + sorted(lines)
	}
	pairs, _, err := client.KV().List("", options)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, pair := range pairs {
		keys = append(keys, fmt.Sprintf("%s %d %x", pair.Key, pair.Flags, pair.Value))
	}
	sights["keys"] = strings.Join(keys, "\n")
	for _, path := range []string{
		"/v1/discovery-chain/web", "/v1/discovery-chain/a-name-before", "/v1/catalog/services", "/v1/health/node/elsewhere",
		"/v1/config/proxy-defaults", "/v1/config/service-defaults", "/v1/config/service-resolver", "/v1/config/service-splitter",
		"/v1/config/service-router", "/v1/config/mesh", "/v1/config/service-intentions",
	} {
		status, body, err := s.registry.Get(ctx, path)
		if err != nil {
			return nil, err
		}
		sights[path] = fmt.Sprint(status, " ", timeless(body))
	}
	for _, name := range []string{"web", "db", "near-web.query", "elsewhere.node"} {
		if sights["DNS "+name], err = s.resolved(ctx, name); err != nil {
			return nil, err
		}
	}
	return sights, nil
}

// instanceLine is an instance, less what is its registry's own.
func instanceLine(e *consul.ServiceEntry, status string) string {
	v := e.Service
	return fmt.Sprintf("%s %s:%d of %s %q %v %v %v %v %s", v.ID, v.Address, v.Port, e.Node.Address, v.Tags, v.Meta, v.Weights, v.TaggedAddresses["wan"], v.Connect, status)
}

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// timeless is JSON without what says when and by which registry it was written:
// virtual addresses are given by each anew.
func timeless(body []byte) string {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return string(body)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				strip(one)
			}
		case map[string]any:
			for _, field := range []string{"CreateIndex", "ModifyIndex", "Hash", "AutoVirtualIPs", "consul"} {
				delete(v, field)
			}
			for _, one := range v {
				strip(one)
			}
		}
	}
	strip(value)
	text, _ := json.MarshalIndent(value, "", " ") // it was JSON
	return trustDomain.ReplaceAllString(string(text), "TRUST-DOMAIN")
}

// trustDomain is how the names of a mesh end, which each draws anew.
var trustDomain = regexp.MustCompile(`[0-9a-f-]{36}\.consul`)

// resolved is what DNS says of a name: addresses, and ports without the names
// of nodes.
func (s *scene) resolved(ctx context.Context, name string) (string, error) {
	var lines []string
	for _, kind := range []uint16{dns.TypeA, dns.TypeSRV} {
		full := name + ".consul."
		if !strings.Contains(name, ".") {
			full = name + ".service.consul."
		}
		question := new(dns.Msg).SetQuestion(full, kind)
		answer, _, err := (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, question, s.registry.DNSAddress())
		if err != nil {
			return "", err
		}
		for _, record := range answer.Answer {
			switch record := record.(type) {
			case *dns.A:
				lines = append(lines, fmt.Sprintf("A %s %d", record.A, record.Hdr.Ttl))
			case *dns.SRV:
				lines = append(lines, fmt.Sprintf("SRV %d weight %d", record.Port, record.Weight))
			}
		}
		lines = append(lines, dns.RcodeToString[answer.Rcode])
	}
	return sorted(lines), nil
}
