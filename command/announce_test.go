package command

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover/consul"
)

// TestARegistryThatComesLater starts the service before its registry, as systemd
// and docker-compose do: it serves at once, says what it waits for, and is
// announced when the registry is there.
func TestARegistryThatComesLater(t *testing.T) {
	cfg := settings(closedPort(t))
	ctx, signal := context.WithCancel(t.Context())
	defer signal()
	i, err := start(ctx, cfg, silence)
	if err != nil {
		t.Fatal(err)
	}
	<-i.announcing.awaits
	base := "http://" + i.address
	for path, want := range map[string]int{"/health": 200, "/say-hello": 200, "/discovery?serviceName=SayHello": 503, "/metrics": 200} {
		if status, body := get(t, base+path); status != want {
			t.Errorf("%s while there is no registry: got %d %s, want %d", path, status, body, want)
		}
	}
	ended := make(chan error, 1)
	greeted := newGreeting()
	go func() { ended <- i.run(ctx, greeted) }() // awaited below
	<-greeted.whole
	if got := greeted.String(); !strings.Contains(got, base+"/say-hello") || !strings.Contains(got, "not there yet") {
		t.Errorf("greeting: got %q, want where it is, and that the registry is awaited", got)
	}

	registry := agenttest.Start(t, func(c *agent.Config) { c.HTTPAddr = cfg.Registry.Address })
	<-i.announcing.done
	if entries := registered(t, registry.Client()); i.announcing.err != nil || len(entries) != 1 {
		t.Errorf("when the registry came: got %d registered, %v, want 1", len(entries), i.announcing.err)
	}
	signal()
	if err := <-ended; err != nil {
		t.Errorf("leave: %v", err)
	}
	if entries := registered(t, registry.Client()); len(entries) != 0 {
		t.Errorf("after it left: got %d registered, want none", len(entries))
	}
}

// TestASignalWhileItWaits: there is nothing to take back, and nobody to wait for.
func TestASignalWhileItWaits(t *testing.T) {
	ctx, signal := context.WithCancel(t.Context())
	defer signal()
	i, err := start(ctx, settings(closedPort(t)), silence)
	if err != nil {
		t.Fatal(err)
	}
	<-i.announcing.awaits
	signal()
	if err := i.run(ctx, io.Discard); err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
}

// TestASignalHurriesWhatFailed: a service that ends by itself tries to withdraw for ten
// seconds; told to end meanwhile, it has one more.
func TestASignalHurriesWhatFailed(t *testing.T) {
	registry := agenttest.Start(t)
	ctx, signal := context.WithCancel(t.Context())
	defer signal()
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry.Addr})
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/agent/service/deregister/") {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
			signal()
			return
		}
		pass.ServeHTTP(w, r)
	}))
	defer sick.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections() // the proxy's
	i, err := start(ctx, settings(sick.Listener.Addr().String()), silence)
	if err != nil {
		t.Fatal(err)
	}
	<-i.announcing.done
	i.server.http.Close()
	began := time.Now()
	if err := i.run(ctx, io.Discard); err == nil || !strings.Contains(err.Error(), "HTTP server") {
		t.Errorf("got %v, want it to name the HTTP server", err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v, want about a second", took)
	}
}

// TestTheAddressToListenOnIsWaitedFor: nobody says where to listen, and the name of the
// registry, which would, is not known yet. That is no failure when it is told to end.
func TestTheAddressToListenOnIsWaitedFor(t *testing.T) {
	r, err := consul.New(&api.Config{Address: "nobody.invalid:8500"}, consul.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, signal := context.WithCancel(t.Context())
	signal()
	if _, err := hostToListen(ctx, "", r, silence); err == nil || !strings.Contains(err.Error(), "nobody.invalid:8500") {
		t.Errorf("got %v, want it to say for whom it waited", err)
	}
	for asked, want := range map[string]string{"10.0.0.1": "10.0.0.1", "0.0.0.0": "0.0.0.0"} {
		if got, err := hostToListen(ctx, asked, r, silence); got != want || err != nil {
			t.Errorf("asked for %s: got %s, %v", asked, got, err)
		}
	}
}

// greeting is what a service says, whole when it named its registry.
type greeting struct {
	strings.Builder
	whole chan struct{}
}

func newGreeting() *greeting { return &greeting{whole: make(chan struct{})} }

// Write implements io.Writer.
func (g *greeting) Write(text []byte) (int, error) {
	n, err := g.Builder.Write(text)
	if strings.Contains(string(text), "  registry ") {
		close(g.whole)
	}
	return n, err
}

// TestWhoGotAListGetsToUseIt: a program that asked a moment ago who says hello has a second to use it; where nobody
// asked, the registry knows all readers.
func TestWhoGotAListGetsToUseIt(t *testing.T) {
	registry := agenttest.Start(t)
	i := started(t, settings(registry.Addr))
	defer i.leave()
	i.settle = 0
	if got := i.leaving().Settle; got != 0 {
		t.Errorf("nobody asked: got %v, want what the library gives", got)
	}
	get(t, "http://"+i.hostPort()+"/discovery?serviceName=other")
	if got := i.leaving().Settle; got != 0 {
		t.Errorf("somebody asked for another service: got %v, want what the library gives", got)
	}
	get(t, "http://"+i.hostPort()+"/discovery?serviceName=SayHello")
	i.lists.last.Store(time.Now().UnixNano()) // however long that took
	if got := i.leaving().Settle; got != listsUsed {
		t.Errorf("somebody asked: got %v, want %v", got, listsUsed)
	}
}
