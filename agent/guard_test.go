package agent_test

import (
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	miekg "github.com/miekg/dns"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/agent/api"
)

// demanded is the token of the registries in these tests.
const demanded = "3f1c2a9e-token"

func demandToken(c *agent.Config) { c.HTTPToken = demanded }

// call is a request of a test.
type call struct {
	method, path, host, body string
	header                   http.Header
}

// send sends a request to a registry as it is, follows nothing, and returns the
// answer with its body.
func send(t *testing.T, to *agenttest.Agent, c call) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(c.method, "http://"+to.Addr+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.header != nil {
		r.Header = c.header
	}
	r.Host, r.Close = c.host, true
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// carrying is the header of a request with a token.
func carrying(token string) http.Header { return http.Header{"X-Consul-Token": {token}} }

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func TestEveryEndpointDemandsTheToken(t *testing.T) {
	registry := agenttest.Start(t, demandToken, func(c *agent.Config) { c.RemoteScripts = true })
	open := map[string]bool{"GET /v1/status/leader": true, "GET /v1/status/peers": true}
	// What a change would be seen in.
	look := func() string {
		seen := ""
		for _, path := range []string{
			"/v1/kv/?recurse", "/v1/catalog/nodes", "/v1/catalog/services", "/v1/agent/services", "/v1/agent/checks", "/v1/session/list",
			"/v1/query", "/v1/event/list", "/v1/config/service-defaults", "/v1/coordinate/nodes",
		} {
			response, body := send(t, registry, call{method: http.MethodGet, path: path, header: carrying(demanded)})
			seen += path + " " + response.Header.Get("X-Consul-Index") + " " + body + "\n"
		}
		return seen
	}
	before, asked := look(), 0
	refused := func(method, path, body string) {
		for _, token := range []string{"", "wrong"} {
			want := "Permission denied: this registry demands a token"
			header := http.Header{}
			if token != "" {
				want, header = "ACL not found", carrying(token)
			}
			response, answer := send(t, registry, call{method: method, path: path, body: body, header: header})
			if asked++; response.StatusCode != http.StatusForbidden || !strings.HasPrefix(answer, want) {
				t.Errorf("%s %s with token %q: got %d %.100q, want 403 %s", method, path, token, response.StatusCode, answer, want)
			}
		}
	}
	for _, endpoint := range api.Endpoints() {
		path := wildcard.ReplaceAllString(endpoint.Path, "web")
		for _, method := range append(endpoint.Methods, http.MethodPatch) {
			if !open[method+" "+path] {
				refused(method, path, `{"Name":"web","Check":{"Args":["/bin/true"],"Interval":"1s"}}`)
			}
		}
	}
	for _, path := range []string{"/debug/pprof/heap", "/debug/pprof/", "/v1/nosuch", "/v1/connect/ca/roots", "/nosuch", "/ui/../v1/kv/a", "/v1//kv/a"} {
		refused(http.MethodGet, "/v1/../"+strings.TrimPrefix(path, "/"), "")
		if !strings.HasPrefix(path, "/ui/") {
			refused(http.MethodGet, path, "")
		}
	}
	refused(http.MethodOptions, "/debug/pprof/heap", "")
	refused(http.MethodPost, "/ui/", "")
	if after := look(); after != before {
		t.Errorf("%d refused requests changed something:\n%s\nwas\n%s", asked, after, before)
	}
	for ask := range open {
		method, path, _ := strings.Cut(ask, " ")
		if response, body := send(t, registry, call{method: method, path: path}); response.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s, want that it needs no token, as with Consul", ask, response.StatusCode, body)
		}
	}
	if response, body := send(t, registry, call{method: http.MethodOptions, path: "/v1/kv/a"}); response.StatusCode != http.StatusOK || body != "" {
		t.Errorf("what a browser asks before it sends a token: got %d %q, want 200", response.StatusCode, body)
	}
	if err := registry.Client().Agent().Leave(); err != nil {
		t.Errorf("with the token: %v", err)
	}
}

func TestTokenIsTakenWhereConsulTakesIt(t *testing.T) {
	registry := agenttest.Start(t, demandToken)
	for name, tc := range map[string]struct {
		query  string
		header http.Header
		want   int
	}{
		"a header":                 {"", carrying(demanded), http.StatusOK},
		"a bearer":                 {"", http.Header{"Authorization": {"bearer " + demanded}}, http.StatusOK},
		"a parameter":              {"?token=" + demanded, nil, http.StatusOK},
		"an empty parameter":       {"?token=", carrying(demanded), http.StatusOK},
		"the parameter goes first": {"?token=wrong", carrying(demanded), http.StatusForbidden},
		"a part of it":             {"", carrying(demanded[:5]), http.StatusForbidden},
		"more than it":             {"", carrying(demanded + "x"), http.StatusForbidden},
		"a password":               {"", http.Header{"Authorization": {"Basic " + demanded}}, http.StatusForbidden},
		"a cookie":                 {"", http.Header{"Cookie": {"token=" + demanded}}, http.StatusForbidden},
	} {
		response, body := send(t, registry, call{method: http.MethodGet, path: "/v1/catalog/services" + tc.query, header: tc.header})
		if response.StatusCode != tc.want {
			t.Errorf("%s: got %d %s, want %d", name, response.StatusCode, body, tc.want)
		}
		if got := response.Header.Get("X-Consul-Default-Acl-Policy"); got != "deny" {
			t.Errorf("%s: the default policy is %q, want deny", name, got)
		}
	}
}

func TestPageAsksForTheToken(t *testing.T) {
	registry := agenttest.Start(t, demandToken)
	for _, path := range []string{"/ui/", "/ui/dc1/services/web", "/ui/../v1/agent/self"} {
		response, body := send(t, registry, call{method: http.MethodGet, path: path})
		if response.StatusCode != http.StatusForbidden || !strings.Contains(body, "demands a token") || strings.Contains(body, "consul") {
			t.Errorf("%s without a token: got %d %s", path, response.StatusCode, body)
		}
		if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'sha256-") {
			t.Errorf("%s: the page may run any script: %q", path, policy)
		}
	}
	if _, body := send(t, registry, call{method: http.MethodGet, path: "/ui/", header: carrying("wrong")}); body != "ACL not found" {
		t.Errorf("with a wrong token: got %s", body)
	}
	if _, body := send(t, registry, call{method: http.MethodGet, path: "/ui/", header: carrying(demanded)}); !strings.Contains(body, "1 of 1 instances") {
		t.Errorf("with the token: got %s", body)
	}
}

func TestDNSFollowsTheToken(t *testing.T) {
	for name, tc := range map[string]struct {
		adjust func(*agent.Config)
		want   int
	}{
		"this machine":      {demandToken, miekg.RcodeSuccess},
		"other networks":    {func(c *agent.Config) { demandToken(c); c.DNS.AnswerFrom = prefixes("192.0.2.0/24") }, miekg.RcodeRefused},
		"without a token":   {func(c *agent.Config) { c.DNS.AnswerFrom = prefixes("192.0.2.0/24") }, miekg.RcodeRefused},
		"a network of ours": {func(c *agent.Config) { c.DNS.AnswerFrom = prefixes("192.0.2.0/24", "127.0.0.0/8") }, miekg.RcodeSuccess},
	} {
		registry := agenttest.Start(t, tc.adjust)
		for _, network := range []string{"udp", "tcp"} {
			question := new(miekg.Msg).SetQuestion("consul.service.consul.", miekg.TypeA)
			answer, _, err := (&miekg.Client{Net: network}).Exchange(question, registry.DNSAddr)
			if err != nil {
				t.Fatalf("%s over %s: %v", name, network, err)
			}
			if answer.Rcode != tc.want || tc.want == miekg.RcodeRefused && len(answer.Answer) > 0 {
				t.Errorf("%s over %s: got %v, want %s", name, network, answer, miekg.RcodeToString[tc.want])
			}
		}
	}
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestReconfigureWhoIsLetIn(t *testing.T) {
	config := quiet()
	running := run(t, config)
	registry := &agenttest.Agent{Addr: running.HTTPAddr().String()}
	browser := func(token string) http.Header {
		return http.Header{"Accept-Language": {"en"}, "X-Consul-Token": {token}}
	}
	for _, step := range []struct {
		name   string
		change func(*agent.Config)
		token  string
		want   int
		policy string
	}{
		{"at first", nil, "", 403, ""},
		{"a name", func(c *agent.Config) { c.HTTPHosts = []string{"registry.example"} }, "", 200, "allow"},
		{"a token", func(c *agent.Config) { c.HTTPToken = demanded }, "", 403, "deny"},
		{"the same, which is sent", nil, demanded, 200, "deny"},
		{"another token", func(c *agent.Config) { c.HTTPToken = "other" }, demanded, 403, "deny"},
		{"no token", func(c *agent.Config) { c.HTTPToken = "" }, demanded, 200, "allow"},
	} {
		if step.change != nil {
			step.change(&config)
			if err := running.Reconfigure(config); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
		}
		response, body := send(t, registry, call{method: http.MethodGet, path: "/v1/kv/?keys", host: "registry.example", header: browser(step.token)})
		if response.StatusCode != step.want || response.Header.Get("X-Consul-Default-Acl-Policy") != step.policy {
			t.Errorf("%s: got %d %s with %v, want %d and policy %q", step.name, response.StatusCode, body, response.Header, step.want, step.policy)
		}
	}
}
