package command

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/config"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// settings are those of a service on a free port, known to the registry at
// address.
func settings(address string) config.Serve {
	return config.Serve{
		Service:  config.Service{Name: "SayHello", Tags: []string{"a"}, Meta: map[string]string{"k": "v"}},
		Check:    config.Check{Interval: time.Second, DeregisterAfter: 30 * time.Second},
		Registry: config.Registry{Mode: config.Consul, Address: address, Named: true},
	}
}

// started returns a running instance that leaves quickly.
func started(t *testing.T, cfg config.Serve) *instance {
	t.Helper()
	i, err := start(t.Context(), cfg, silence)
	if err != nil {
		t.Fatal(err)
	}
	i.settle = time.Millisecond
	<-i.announcing.done
	if err := i.announcing.err; err != nil {
		t.Fatal(err)
	}
	return i
}

// get asks without leaving a connection behind.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(got)
}

func registered(t *testing.T, client *api.Client) []*api.ServiceEntry {
	t.Helper()
	entries, _, err := client.Health().Service("SayHello", "", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestServeAnnouncesWhatItServes(t *testing.T) {
	registry := agenttest.Start(t)
	i := started(t, settings(registry.Addr))

	entries := registered(t, registry.Client())
	if len(entries) != 1 {
		t.Fatalf("registered: got %d, want 1", len(entries))
	}
	got := entries[0].Service
	if !strings.HasPrefix(got.ID, "SayHello-") || got.Address != "127.0.0.1" || got.Port == 0 || got.Tags[0] != "a" || got.Meta["k"] != "v" {
		t.Errorf("registered: got %+v", got)
	}
	check, err := registry.Client().Agent().Checks()
	if err != nil {
		t.Fatal(err)
	}
	if c := check["service:"+got.ID]; c == nil || c.Type != "http" {
		t.Errorf("check: got %+v, want one over HTTP", c)
	}

	base := "http://" + i.hostPort()
	status, body := get(t, base+"/discovery?serviceName=SayHello")
	var answer struct{ Instances []discover.Instance }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 || len(answer.Instances) != 1 || answer.Instances[0].ID != got.ID {
		t.Errorf("discovery: got %d %s", status, body)
	}
	if _, body := get(t, base+"/metrics"); !strings.Contains(body, `muster_requests_total{method="discovery",outcome="ok"} 1`) ||
		!strings.Contains(body, "muster_discover_list_age_seconds") {
		t.Errorf("metrics: got %s", body)
	}
	if err := i.leave(); err != nil {
		t.Errorf("leave: %v", err)
	}
	if entries := registered(t, registry.Client()); len(entries) != 0 {
		t.Errorf("after leaving: got %d registered, want none", len(entries))
	}
}

// TestASignalWhileItRegisters: the registry has the instance already and has not
// said so yet. It leaves as cleanly as a moment later.
func TestASignalWhileItRegisters(t *testing.T) {
	registry := agenttest.Start(t)
	ctx, signal := context.WithCancel(t.Context())
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry.Addr})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/agent/service/register" {
			pass.ServeHTTP(httptest.NewRecorder(), r)
			signal()
			<-r.Context().Done()
			return
		}
		pass.ServeHTTP(w, r)
	}))
	defer slow.Close()
	cfg := settings(slow.Listener.Addr().String())
	if err := serve(ctx, cfg, io.Discard, silence); err != nil {
		t.Errorf("serve: got error %v, want a clean end", err)
	}
	if entries := registered(t, registry.Client()); len(entries) != 0 {
		t.Errorf("after it left: got %d registered, want none", len(entries))
	}
}

// TestLeaveServesUntilReadersKnow holds the instance in the time between its
// withdrawal and its end, and looks at it.
func TestLeaveServesUntilReadersKnow(t *testing.T) {
	registry := agenttest.Start(t)
	i := started(t, settings(registry.Addr))
	i.settle = time.Hour // ended by the server's end, below
	base := "http://" + i.hostPort()

	left := make(chan error, 1)
	go func() { left <- i.leave() }() // awaited below
	watcher := i.client
	if err := announce.AwaitAbsence(t.Context(), watcher, discover.Query{Service: "SayHello"}, i.registration.ID); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, base+"/health"); status != 503 || body != "{\"status\":false}\n" {
		t.Errorf("health: got %d %s", status, body)
	}
	if status, _ := get(t, base+"/say-hello"); status != 200 {
		t.Errorf("say hello: got %d, want 200 for who does not know yet", status)
	}
	select {
	case err := <-left:
		t.Fatalf("it left while readers may not know: %v", err)
	default:
	}
	i.server.http.Close()
	if err := <-left; err != nil {
		t.Errorf("leave: %v", err)
	}
}

func TestServeEndsWithItsServer(t *testing.T) {
	registry := agenttest.Start(t)
	i := started(t, settings(registry.Addr))
	i.server.http.Close()
	if err := i.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "HTTP server") {
		t.Errorf("got %v, want it to name the HTTP server", err)
	}
	if entries := registered(t, registry.Client()); len(entries) != 0 {
		t.Errorf("got %d registered, want none", len(entries))
	}
}

func TestServeEndsWithItsRegistry(t *testing.T) {
	cfg := settings("127.0.0.1:0")
	cfg.Registry.Mode = config.Embedded
	i := started(t, cfg)
	i.registry.embedded.cancel()
	<-i.registry.embedded.done
	if err := i.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "registry") {
		t.Errorf("got %v, want it to name the registry", err)
	}
}

func TestServeGreetsAndLeaves(t *testing.T) {
	cfg := settings("127.0.0.1:0")
	cfg.Registry.Mode = config.Embedded
	i := started(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout strings.Builder
	if err := i.run(ctx, &stdout); err != nil {
		t.Errorf("got %v, want a clean leave", err)
	}
	for _, want := range []string{"http://" + i.hostPort() + "/say-hello", i.registry.page, "embedded in this process"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("got %q, want it to show %q", stdout.String(), want)
		}
	}
}

// TestTheEmbeddedRegistryStays asks it to leave, as anyone can who reaches it:
// it refuses, and the service goes on.
func TestTheEmbeddedRegistryStays(t *testing.T) {
	cfg := settings("127.0.0.1:0")
	cfg.Registry.Mode = config.Embedded
	i := started(t, cfg)
	client, err := api.NewClient(i.registry.settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Agent().Leave(); err == nil || !strings.Contains(err.Error(), "501") || !strings.Contains(err.Error(), "part of another program") {
		t.Errorf("got %v, want it refused and why", err)
	}
	if _, err := client.Status().Leader(); err != nil {
		t.Errorf("the registry is gone: %v", err)
	}
	if err := i.leave(); err != nil {
		t.Errorf("leave: %v", err)
	}
}

func TestAFailedStartTakesAllBack(t *testing.T) {
	registry := agenttest.Start(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	cfg := settings(registry.Addr)
	cfg.Service.Port = taken.Addr().(*net.TCPAddr).Port
	if _, err := start(t.Context(), cfg, silence); err == nil || !strings.Contains(err.Error(), "-service.port") {
		t.Errorf("port taken: got %v, want it to say what to do", err)
	}
	cfg = settings(registry.Addr)
	cfg.Service.Meta = map[string]string{"": "no key"} // refused when it is announced
	if err := serve(t.Context(), cfg, io.Discard, silence); err == nil || !strings.Contains(err.Error(), "meta") {
		t.Errorf("bad registration: got %v, want it to name the meta", err)
	}
	if entries := registered(t, registry.Client()); len(entries) != 0 {
		t.Errorf("got %d registered, want none", len(entries))
	}
}

// TestProgramsThatStartAtOnceShareARegistry starts several where no registry
// is: one of them embeds it, the others join that one.
func TestProgramsThatStartAtOnceShareARegistry(t *testing.T) {
	cfg := config.Registry{Mode: config.Auto, Address: closedPort(t)}
	registries := make([]*registry, 4)
	var starting sync.WaitGroup
	for n := range registries {
		starting.Go(func() {
			r, err := openRegistry(t.Context(), cfg, silence)
			if err != nil {
				t.Error(err)
				return
			}
			registries[n] = r
		})
	}
	starting.Wait()
	embedded := 0
	for _, r := range registries {
		if r == nil {
			continue
		}
		if r.embedded != nil {
			embedded++
		}
		defer r.close()
		if r.address != cfg.Address {
			t.Errorf("got %s, want %s", r.address, cfg.Address)
		}
	}
	if embedded != 1 {
		t.Errorf("got %d embedded registries, want 1", embedded)
	}
}

func TestEverywhereAnnouncesWhereOthersReachTheRegistry(t *testing.T) {
	registry := agenttest.Start(t)
	cfg := settings(registry.Addr)
	cfg.Service.Host = "0.0.0.0"
	i := started(t, cfg)
	defer i.leave()
	if got := i.registration.Address; got != "127.0.0.1" { // the address of the registry's node
		t.Errorf("got %q, want 127.0.0.1", got)
	}
	if got := i.registration.Check.HTTP; got != "http://"+i.hostPort()+"/health" {
		t.Errorf("check: got %q, want the announced address", got)
	}
}
