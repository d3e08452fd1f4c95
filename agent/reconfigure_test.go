package agent_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
)

// run runs an agent until the test ends.
func run(t *testing.T, config agent.Config) *agent.Agent {
	t.Helper()
	a, err := agent.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // ends with ctx; awaited in the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended: %v", err)
		}
	})
	return a
}

// quiet is a configuration on a free port.
func quiet() agent.Config {
	config := agent.DevConfig()
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0", "127.0.0.1:0"
	config.Pretty = false
	return config
}

// client returns an HTTP client, and one for the API, of an address as
// [agent.Agent.URLs] has it.
func client(t *testing.T, url string, trust *tls.Config) (*http.Client, *consul.Client) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(transport.CloseIdleConnections)
	if path, ok := strings.CutPrefix(url, "unix://"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		url = "http://socket"
	}
	plain := &http.Client{Transport: transport}
	api, err := consul.NewClient(&consul.Config{Address: url, HttpClient: plain})
	if err != nil {
		t.Fatal(err)
	}
	return plain, api
}

func service(where, body string) agent.Definition {
	return agent.Definition{Where: where, Body: []byte(body)}
}

func TestDoors(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent.sock")
	config := quiet()
	config.HTTPAddr = "127.0.0.1:0 127.0.0.1:0 unix://" + socket
	config.UnixSockets.Mode = "0640"
	files, authority, certificate := certificates(t)
	config.HTTPSAddr, config.TLS = "127.0.0.1:0", files
	config.TLS.Verify = true
	a := run(t, config)

	urls := a.URLs()
	if len(urls) != 4 || urls[0] == urls[1] || urls[2] != "unix://"+socket || !strings.HasPrefix(urls[3], "https://127.0.0.1:") {
		t.Fatalf("got %q, want two ports, the socket, and one that speaks TLS", urls)
	}
	for _, url := range urls {
		_, api := client(t, url, &tls.Config{RootCAs: authority, Certificates: []tls.Certificate{certificate}})
		if _, err := api.Status().Leader(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, api := client(t, urls[3], &tls.Config{RootCAs: authority}); func() error { _, err := api.Status().Leader(); return err }() == nil {
		t.Error("a client without a certificate was let in")
	}
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o640 {
		t.Errorf("the socket has mode %o, want 640", got)
	}

	// Nobody takes the socket of a living agent; that of a dead one is free.
	other := quiet()
	other.HTTPAddr = "unix://" + socket
	if _, err := agent.New(other); !strings.Contains(errText(err), syscall.EADDRINUSE.Error()) {
		t.Errorf("got %v, want that the socket is in use", err)
	}
	dead := filepath.Join(t.TempDir(), "dead.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	other.HTTPAddr = "unix://" + dead
	run(t, other)
	if err := os.WriteFile(dead+"x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other.HTTPAddr = "unix://" + dead + "x"
	if _, err := agent.New(other); !strings.Contains(errText(err), "is no socket") {
		t.Errorf("got %v, want that a file is in the way", err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWhoIsLetIn(t *testing.T) {
	config := quiet()
	config.ResponseHeaders = map[string]string{"x-frame-options": "DENY"}
	config.BlockEndpoints = []string{"/v1/agent/host", "/v1/acl"}
	config.AllowWriteFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	plain, _ := client(t, "", nil)
	url := run(t, config).URLs()[0]
	for _, tc := range []struct {
		method, path string
		code         int
		text         string
	}{
		{"GET", "/v1/agent/host", 403, "Endpoint is blocked by agent configuration"},
		{"PUT", "/v1/acl/bootstrap", 403, "Endpoint is blocked by agent configuration"},
		{"PUT", "/v1/kv/a", 403, "Access is restricted"},
		{"DELETE", "/v1/kv/a", 403, "Access is restricted"},
		{"POST", "/v1/status/leader", 405, "method POST not allowed"},
		{"GET", "/v1/status/leader", 200, `"127.0.0.1:8300"`},
		{"OPTIONS", "/v1/kv/a", 200, ""},
		{"GET", "/ui/", 200, "<!DOCTYPE html>"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tc.method, url+tc.path, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := plain.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != tc.code || !strings.HasPrefix(string(text), tc.text) {
			t.Errorf("%s %s: got %d %.60q, want %d %q", tc.method, tc.path, response.StatusCode, text, tc.code, tc.text)
		}
		if got := response.Header.Get("X-Frame-Options"); got != "DENY" {
			t.Errorf("%s %s: the header is %q, want DENY", tc.method, tc.path, got)
		}
	}
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestReconfigure(t *testing.T) {
	var a *agent.Agent
	log := &journal{}
	config := quiet()
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	config.NodeMeta = map[string]string{"rack": "1"}
	config.Services = []agent.Definition{service("a.hcl:1: services[0]", `{"name":"web","check":{"ttl":"1h","status":"passing"}}`)}
	next := config
	config.Reload = func() error { return a.Reconfigure(next) }
	a = run(t, config)
	_, api := client(t, a.URLs()[0], nil)
	if err := api.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "guest"}); err != nil {
		t.Fatal(err)
	}
	names := func() string {
		t.Helper()
		services, _, err := api.Catalog().Services(nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, name := range []string{"consul", "web", "web2", "guest"} {
			if _, there := services[name]; there {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	if got, want := names(), "consul web guest"; got != want {
		t.Fatalf("at the start: got %q, want %q", got, want)
	}

	next.Services = []agent.Definition{service("a.hcl:1: services[0]", `{"name":"web2","port":99999}`)}
	err := api.Agent().Reload()
	if want := "a.hcl:1: services[0]: Invalid service port 99999"; !strings.Contains(errText(err), want) {
		t.Errorf("a wrong service: got %v, want %q", err, want)
	}
	if got, want := names(), "consul web guest"; got != want {
		t.Errorf("after a wrong configuration: got %q, want all as it was, %q", got, want)
	}

	next.Services = []agent.Definition{service("a.hcl:1: services[0]", `{"name":"web2"}`)}
	next.NodeMeta = map[string]string{"rack": "2"}
	next.BlockEndpoints = []string{"/v1/operator"}
	next.MaxConnsPerClient = 1
	next.Datacenter = "dc9"
	if err := api.Agent().Reload(); err != nil {
		t.Fatal(err)
	}
	if got, want := names(), "consul web2 guest"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	self, err := api.Agent().Self()
	if err != nil {
		t.Fatal(err)
	}
	if got := self["Meta"]["rack"]; got != "2" || self["Config"]["Datacenter"] != "dc1" {
		t.Errorf("got rack %v in %v, want 2 in dc1", got, self["Config"]["Datacenter"])
	}
	if _, _, err := api.Operator().Usage(nil); !strings.Contains(errText(err), "blocked") {
		t.Errorf("got %v, want that the endpoint is blocked", err)
	}
	if !strings.Contains(log.String(), "settings=datacenter") {
		t.Errorf("the log does not say what cannot change:\n%s", log)
	}
	_, second := client(t, a.URLs()[0], nil)
	if _, err := second.Status().Leader(); err == nil {
		t.Error("a second connection was let in, want one")
	}
}

func TestConfigEntriesAreThereFromTheStart(t *testing.T) {
	config := quiet()
	config.ConfigEntries = []agent.Definition{
		service("x", `{"kind":"proxy-defaults","name":"global","config":{"protocol":"http"}}`),
		service("x", `{"Kind":"service-defaults","Name":"web","Protocol":"grpc"}`),
	}
	_, api := client(t, run(t, config).URLs()[0], nil)
	entry, _, err := api.ConfigEntries().Get("service-defaults", "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := entry.(*consul.ServiceConfigEntry).Protocol; got != "grpc" {
		t.Errorf("the protocol is %q, want grpc", got)
	}
	config.ConfigEntries = append(config.ConfigEntries, service("y", `{"kind":"service-splitter","name":"none","splits":[{"weight":1}]}`))
	if _, err := agent.New(config); err == nil {
		t.Error("an entry that cannot be was stored")
	}
}

// A reload stores the config entries that are new, and those that somebody
// deleted; what others stored stays; and what cannot be leaves all as it was.
func TestReconfigureConfigEntries(t *testing.T) {
	config := quiet()
	config.ConfigEntries = []agent.Definition{service("x", `{"kind":"service-defaults","name":"web","protocol":"http"}`)}
	a := run(t, config)
	_, api := client(t, a.URLs()[0], nil)
	entries := api.ConfigEntries()
	if _, err := entries.Delete("service-defaults", "web", nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := entries.Set(&consul.ServiceConfigEntry{Kind: "service-defaults", Name: "new", Protocol: "grpc"}, nil); err != nil {
		t.Fatal(err)
	}
	config.ConfigEntries = append(config.ConfigEntries, service("y", `{"kind":"service-defaults","name":"new","protocol":"http"}`))
	if err := a.Reconfigure(config); err != nil {
		t.Fatal(err)
	}
	if _, _, err := entries.Get("service-defaults", "web", nil); err != nil {
		t.Errorf("what was deleted is not there again: %v", err)
	}
	if entry, _, err := entries.Get("service-defaults", "new", nil); err != nil || entry.(*consul.ServiceConfigEntry).Protocol != "grpc" {
		t.Errorf("got %+v, %v; want what was stored over HTTP", entry, err)
	}

	wrong := config
	wrong.ConfigEntries = []agent.Definition{
		service("x", `{"kind":"service-defaults","name":"third","protocol":"http"}`),
		service("y", `{"kind":"service-splitter","name":"none","splits":[{"weight":100}]}`),
	}
	wrong.Services = []agent.Definition{service("z", `{"name":"fourth"}`)}
	if err := a.Reconfigure(wrong); err == nil || !strings.Contains(err.Error(), `service-splitter "none"`) {
		t.Errorf("got %v, want that the splitter does not fit", err)
	}
	if _, _, err := entries.Get("service-defaults", "third", nil); err == nil {
		t.Error("an entry beside one that does not fit was stored")
	}
	if services, err := api.Agent().Services(); err != nil || services["fourth"] != nil {
		t.Errorf("services %v, %v: one beside a wrong entry was announced", services, err)
	}
}

func TestWrongDefinitions(t *testing.T) {
	for _, tc := range []struct {
		name     string
		services []string
		checks   []string
		want     string
	}{
		{"no name", []string{`{}`}, nil, "x: services[0]: Missing service name"},
		{"one id twice", []string{`{"name":"a"}`, `{"id":"a","name":"b"}`}, nil, `x: services[1]: there is a service a already, in x: services[0]`},
		{"one check twice", []string{`{"name":"a","checks":[{"ttl":"1h","checkid":"c"}]}`, `{"name":"b","check":{"ttl":"1h","checkid":"c"}}`}, nil,
			`x: services[1]: there is a check c already, in x: services[0]`},
		{"a check without a name", nil, []string{`{"ttl":"1s"}`}, "x: checks[0]: Missing check name"},
		{"a check without a target", nil, []string{`{"name":"a","interval":"1s"}`}, "x: checks[0]: Invalid check: "},
		{"a script", nil, []string{`{"name":"a","args":["true"],"interval":"1s"}`}, "x: checks[0]: Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"},
		{"a script of a service", []string{`{"name":"a","check":{"args":["true"],"interval":"1s"}}`}, nil, "x: services[0]: Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"},
		{"an unknown field", []string{`{"name":"a","bogus":1}`}, nil, `x: services[0]: json: unknown field "bogus"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := quiet()
			for n, body := range tc.services {
				config.Services = append(config.Services, service("x: services["+string(rune('0'+n))+"]", body))
			}
			for n, body := range tc.checks {
				config.Checks = append(config.Checks, service("x: checks["+string(rune('0'+n))+"]", body))
			}
			if err := config.Validate(); !strings.Contains(errText(err), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	config := quiet()
	config.Checks = []agent.Definition{service("x", `{"name":"a","service_id":"none","ttl":"1s"}`)}
	if _, err := agent.New(config); !strings.Contains(errText(err), `ServiceID "none" does not exist`) {
		t.Errorf("a check of no service: got %v", err)
	}
}
