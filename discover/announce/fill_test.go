package announce_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// TestOwnTarget: what a check leaves out of its target is the instance's own.
func TestOwnTarget(t *testing.T) {
	for _, test := range []struct{ check, want announce.HealthCheck }{
		{announce.HealthCheck{HTTP: "/health?a=/b"}, announce.HealthCheck{HTTP: "http://10.0.0.1:80/health?a=/b"}},
		{announce.HealthCheck{HTTP: ":81/health"}, announce.HealthCheck{HTTP: "http://10.0.0.1:81/health"}},
		{announce.HealthCheck{HTTP: "https://h:1/x"}, announce.HealthCheck{HTTP: "https://h:1/x"}},
		{announce.HealthCheck{GRPC: ":"}, announce.HealthCheck{GRPC: "10.0.0.1:80"}},
		{announce.HealthCheck{GRPC: ":/orders"}, announce.HealthCheck{GRPC: "10.0.0.1:80/orders"}},
		{announce.HealthCheck{GRPC: "h:1/orders"}, announce.HealthCheck{GRPC: "h:1/orders"}},
		{announce.HealthCheck{TCP: ":"}, announce.HealthCheck{TCP: "10.0.0.1:80"}},
		{announce.HealthCheck{TCP: ":81"}, announce.HealthCheck{TCP: "10.0.0.1:81"}},
	} {
		reg := newLedger()
		asked := announce.Registration{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80, Check: test.check}
		dead := func(context.Context, string, string) (net.Conn, error) { return nil, errDown }
		r := announce.NewRegistrar(reg, asked, announce.RegistrarConfig{Dial: dead})
		if err := r.Announce(t.Context()); err != nil {
			t.Errorf("%+v: %v", test.check, err)
			continue
		}
		got := reg.held["web-1"].Check
		if got.HTTP != test.want.HTTP || got.GRPC != test.want.GRPC || got.TCP != test.want.TCP {
			t.Errorf("%+v: got %+v", test.check, got)
		}
		if err := r.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
	}
	lost := announce.Registration{ID: "web-1", Service: "web", Port: 80, Check: announce.HealthCheck{HTTP: "/health"}}
	err := announce.NewRegistrar(newLedger(), lost, announce.RegistrarConfig{}).Announce(t.Context())
	if !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), `"/health"`) {
		t.Errorf("without an address: got error %v", err)
	}
}

// TestRunFillsIn: an instance without a port has that of the listener, and is where
// others reach it; and another one when it runs again.
func TestRunFillsIn(t *testing.T) {
	registry := registryAt(t, agenttest.Start(t).Addr)
	check := announce.HealthCheck{HTTP: "/health"}
	r := announce.NewRegistrar(registry, announce.Registration{ID: "web-1", Service: "web", Check: check}, announce.RegistrarConfig{})
	well := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, on := range []string{"127.0.0.1:0", ":0"} {
		l, err := net.Listen("tcp", on)
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- announce.Run(ctx, r, &http.Server{Handler: well}, l, announce.RunConfig{}) }() // awaited below
		watcher := discover.Watch(registry, web, discover.WatchConfig{})
		awaitStatus(t, watcher, "web-1", discover.Passing)
		s, _ := watcher.Snapshot()
		got := s.Instances[0]
		if _, port, _ := net.SplitHostPort(l.Addr().String()); strconv.Itoa(got.Port) != port {
			t.Errorf("on %s: got port %d, want %s", on, got.Port, port)
		}
		if ip, err := netip.ParseAddr(got.Address); err != nil || !ip.IsLoopback() {
			t.Errorf("on %s: got address %q, want one of this machine", on, got.Address)
		}
		leave()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = watcher.Close() // it has no error to tell
	}
}
