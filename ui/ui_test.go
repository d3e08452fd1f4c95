package ui_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	consul "github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/ui"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// visit opens a page of the handler and returns what it shows.
func visit(t *testing.T, page http.Handler, method, path string) (*http.Response, string) {
	t.Helper()
	recorder := httptest.NewRecorder()
	page.ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
	response := recorder.Result()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestPageShowsInstancesAndChecks(t *testing.T) {
	registry := agenttest.Start(t)
	for _, registration := range []*consul.AgentServiceRegistration{
		{Name: "web", ID: "web-1", Address: "10.0.0.1", Port: 80, Tags: []string{"blue"},
			Check: &consul.AgentServiceCheck{TTL: "1h", Status: "passing"}},
		{Name: "web", ID: "web-2", Address: "2001:db8::1", Port: 81,
			Check: &consul.AgentServiceCheck{TTL: "1h", Name: "heart", Notes: "why it beats"}},
		{Name: "<script>alert(1)</script>"},
	} {
		if err := registry.Client().Agent().ServiceRegister(registration); err != nil {
			t.Fatal(err)
		}
	}
	response, body := visit(t, ui.New(registry.Client()), http.MethodGet, "/ui/")
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("got %d %s: %s", response.StatusCode, response.Header.Get("Content-Type"), body)
	}
	for _, want := range []string{
		"3 of 4 instances passing in 3 services", `warning"></span>web <small>1/2 passing`, `passing"></span>consul <small>1/1 passing`,
		"web-1", "10.0.0.1:80", "blue", "web-2", "[2001:db8::1]:81", "heart", "why it beats", "Serf Health Status",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(body, "<script>") {
		t.Error("a service's name got into the page as markup")
	}
}

func TestPageIsOnlyRead(t *testing.T) {
	page := ui.New(agenttest.Start(t).Client())
	if response, _ := visit(t, page, http.MethodPost, "/ui/"); response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") == "" {
		t.Errorf("POST: got %d with Allow %q", response.StatusCode, response.Header.Get("Allow"))
	}
}

// TestLinksToConsulsPage follows bookmarks and the links of other programs.
func TestLinksToConsulsPage(t *testing.T) {
	registry := agenttest.Start(t)
	if err := registry.Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", ID: "web 1"}); err != nil {
		t.Fatal(err)
	}
	page := ui.New(registry.Client())
	_, body := visit(t, page, http.MethodGet, "/ui/")
	node, err := registry.Client().Agent().NodeName()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/ui/dc1":                        "/ui/",
		"/ui/dc1/services":               "/ui/",
		"/ui/dc1/services/":              "/ui/",
		"/ui/dc1/overview/server-status": "/ui/",
		"/ui/dc1/nodes/" + node:          "/ui/",
		"/ui/dc1/services/web":           "/ui/#services/web",
		"/ui/dc1/services/web/topology":  "/ui/#services/web",
		"/ui/dc1/services/web/instances/" + node + "/web%201/health-checks": "/ui/#instances/" + node + "/web%201",
		"/ui/dc1/kv/a/edit":   "",
		"/ui/dc1/intentions":  "",
		"/ui/dc1/acls/tokens": "",
	} {
		response, text := visit(t, page, http.MethodGet, path)
		if got := response.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
		if want == "" && (response.StatusCode != http.StatusNotFound || !strings.Contains(text, "there is none of this yet")) {
			t.Errorf("%s: got %d %q, want 404 and why", path, response.StatusCode, text)
		}
		_, place, placed := strings.Cut(want, "#")
		if place = strings.ReplaceAll(place, "%20", " "); placed && !strings.Contains(body, `id="`+place+`"`) {
			t.Errorf("there is no place %s on the page", place)
		}
	}
}

func TestPageSaysThatTheRegistryIsAway(t *testing.T) {
	client, err := consul.NewClient(&consul.Config{Address: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	response, body := visit(t, ui.New(client), http.MethodGet, "/ui/")
	if response.StatusCode != http.StatusBadGateway || !strings.Contains(body, "the registry does not answer") {
		t.Errorf("got %d %q", response.StatusCode, body)
	}
}

func TestEntranceShowsNothing(t *testing.T) {
	response, body := visit(t, ui.Entrance(), http.MethodGet, "/ui/")
	if response.StatusCode != http.StatusForbidden || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d, kept as %q", response.StatusCode, response.Header.Get("Cache-Control"))
	}
	if !strings.Contains(body, "sessionStorage") || strings.Contains(body, "SCRIPT") {
		t.Error("the script is not in its place")
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src 'unsafe") {
		t.Errorf("its policy is %q", policy)
	}
}
