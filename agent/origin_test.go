package agent_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

func TestOtherSitesChangeNothing(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for n := 0; n < len(pairs); n += 2 {
			h.Set(pairs[n], pairs[n+1])
		}
		return h
	}
	plain := agenttest.Start(t)
	// As Consul's users open the API to a page of theirs.
	readable := agenttest.Start(t, func(c *agent.Config) {
		c.ResponseHeaders = map[string]string{"access-control-allow-origin": "*", "access-control-allow-methods": "GET, PUT"}
	})
	trusting := agenttest.Start(t, func(c *agent.Config) {
		c.ResponseHeaders = map[string]string{"Access-Control-Allow-Origin": "http://board.example", "Access-Control-Allow-Methods": "GET, put"}
	})
	for name, tc := range map[string]struct {
		to     *agenttest.Agent
		method string
		header http.Header
		want   int
	}{
		"no browser":                       {plain, "PUT", nil, 200},
		"the registry's own page":          {plain, "PUT", header("Sec-Fetch-Site", "same-origin", "Origin", "http://"+plain.Addr), 200},
		"its own page in an old browser":   {plain, "PUT", header("Origin", "http://"+plain.Addr), 200},
		"who typed the address":            {plain, "PUT", header("Sec-Fetch-Site", "none"), 200},
		"another site":                     {plain, "PUT", header("Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"), 403},
		"another site in an old browser":   {plain, "PUT", header("Origin", "http://evil.example"), 403},
		"another port of this machine":     {plain, "PUT", header("Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:1"), 403},
		"a page without a site":            {plain, "PUT", header("Origin", "null"), 403},
		"a form of another site":           {plain, "POST", header("Origin", "http://evil.example", "Content-Type", "text/plain"), 403},
		"another site deletes":             {plain, "DELETE", header("Sec-Fetch-Site", "cross-site"), 403},
		"another site looks":               {plain, "GET", header("Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"), 200},
		"all may read, none may write":     {readable, "PUT", header("Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"), 403},
		"all may read":                     {readable, "GET", header("Sec-Fetch-Site", "cross-site", "Origin", "http://evil.example"), 200},
		"a site that may write":            {trusting, "PUT", header("Sec-Fetch-Site", "cross-site", "Origin", "http://board.example"), 200},
		"a site that may write, by itself": {trusting, "DELETE", header("Sec-Fetch-Site", "cross-site", "Origin", "http://board.example"), 403},
		"another site than that":           {trusting, "PUT", header("Sec-Fetch-Site", "cross-site", "Origin", "http://board.example.org"), 403},
	} {
		path := "/v1/kv/k"
		switch tc.method {
		case "GET":
			path = "/v1/kv/?keys"
		case "POST":
			path = "/v1/query"
		}
		response, body := send(t, tc.to, call{method: tc.method, path: path, body: "{}", header: tc.header})
		if response.StatusCode != tc.want {
			t.Errorf("%s: got %d %s, want %d", name, response.StatusCode, body, tc.want)
		}
		if tc.want == 403 && !strings.Contains(body, "http_config.response_headers") {
			t.Errorf("%s: %q does not say what to do", name, body)
		}
	}
	if found, _, err := plain.Client().PreparedQuery().List(nil); err != nil || len(found) > 0 {
		t.Errorf("a page of another site wrote %v (%v)", found, err)
	}
	response, _ := send(t, plain, call{method: "OPTIONS", path: "/v1/kv/k", header: header("Origin", "http://evil.example", "Access-Control-Request-Method", "PUT")})
	if allowed := response.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
		t.Errorf("a browser that asks whether it may write is told that %q may", allowed)
	}
}

func TestBrowserMustKnowTheRegistrysName(t *testing.T) {
	registry := agenttest.Start(t, func(c *agent.Config) {
		c.Node, c.AltDomain, c.HTTPHosts = "Here.example", "alt.example.", []string{"registry.Example.org", ".below.example.org"}
	})
	browser := http.Header{"Accept-Language": {""}, "User-Agent": {"curl/8"}} // a script may say that it is another
	for host, want := range map[string]int{
		"127.0.0.1:8500": 200, "[::1]:8500": 200, "[fe80::1%25eth0]": 200, "192.0.2.1": 200, "localhost": 200, "LOCALHOST:8500": 200, "consul": 200, "consul:8500": 200,
		"app.localhost": 200, "consul.internal:8500": 200, "box.local": 200, "box.home.arpa.": 200,
		"here.example:8500": 200, "consul.service.consul:8500": 200, "n1.node.dc1.consul.": 200, "web.service.alt.example": 200,
		"registry.example.org": 200, "a.below.example.org:1": 200,
		"evil.example": 403, "evil.example:8500": 403, "registry.example.org.evil.example": 403, "below.example.org": 403, "xbelow.example.org": 403,
		"127.0.0.1.evil.example": 403, "1.2.3": 403, "evilconsul.": 200, "evil.example.": 403, "a.evilconsul": 403,
	} {
		response, body := send(t, registry, call{method: "GET", path: "/v1/kv/?keys", host: host, header: browser})
		if response.StatusCode != want {
			t.Errorf("host %q from a browser: got %d %s, want %d", host, response.StatusCode, body, want)
		}
		if want == 403 && !strings.Contains(body, "-http-host") {
			t.Errorf("host %q: %q does not say what to do", host, body)
		}
		if response, body := send(t, registry, call{method: "GET", path: "/v1/kv/?keys", host: host}); response.StatusCode != 200 {
			t.Errorf("host %q from a client: got %d %s, want 200", host, response.StatusCode, body)
		}
	}
	for name, mark := range map[string]http.Header{
		"a page": {"Sec-Fetch-Mode": {"navigate"}}, "a name": {"User-Agent": {"Mozilla/5.0 (X11)"}}, "its page": {"Origin": {"http://evil.example"}},
	} {
		if response, _ := send(t, registry, call{method: "GET", path: "/ui/", host: "evil.example", header: mark}); response.StatusCode != 403 {
			t.Errorf("a browser known by %s: got %d, want 403", name, response.StatusCode)
		}
	}
	// Who took the registry's name has no token for it.
	browser = http.Header{"Accept-Language": {"en"}, "X-Consul-Token": {demanded}}
	if response, body := send(t, agenttest.Start(t, demandToken), call{method: "GET", path: "/v1/kv/?keys", host: "evil.example", header: browser}); response.StatusCode != 200 {
		t.Errorf("with a token: got %d %s, want 200", response.StatusCode, body)
	}
}
