package local

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// web is a service as a configuration may announce it.
func web(id string, port int, checks ...Check) Definition {
	return Definition{Service: state.Service{ID: id, Service: "web", Tags: []string{}, Port: port}, Checks: checks}
}

func checkCalled(id, service string) Check {
	c := ttl(time.Hour)
	c.ID, c.Name, c.ServiceID = id, id, service
	return c
}

func configure(t *testing.T, l *Local, next Definitions) {
	t.Helper()
	if err := l.Configure(next); err != nil {
		t.Fatalf("configure: %v", err)
	}
}

func TestConfigureAddsChangesAndRemoves(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	register(t, l, "by-http", ttl(time.Hour))
	configure(t, l, Definitions{
		Services: []Definition{web("a", 1, checkCalled("a1", ""), checkCalled("a2", "")), web("b", 1)},
		Checks:   []Check{checkCalled("node", ""), checkCalled("of-http", "by-http")},
	})
	for _, id := range []string{"a1", "a2", "node", "of-http"} {
		if err := l.UpdateTTL(id, state.Passing, "well"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.RegisterCheck(checkCalled("guest", "a")); err != nil {
		t.Fatal(err)
	}
	configure(t, l, Definitions{
		Services: []Definition{web("a", 2, checkCalled("a1", ""), checkCalled("a3", "")), web("c", 1)},
		Checks:   []Check{checkCalled("of-http", "by-http")},
	})
	services := map[string]int{}
	for _, svc := range store.Snapshot().ServicesOn("n1") {
		services[svc.ID] = svc.Port
	}
	for id, port := range map[string]int{"a": 2, "c": 1, "by-http": 0} {
		if got, there := services[id]; !there || got != port {
			t.Errorf("service %s: got port %d, %t, want %d", id, got, there, port)
		}
	}
	if _, there := services["b"]; there {
		t.Error("a service that is configured no longer is still there")
	}
	for id, want := range map[string]state.Status{
		"a1": state.Passing, "a2": "", "a3": state.Critical, "guest": state.Critical, "node": "", "of-http": state.Passing,
		"service:by-http": state.Critical,
	} {
		if got := status(store, id); got != want {
			t.Errorf("check %s: got %q, want %q", id, got, want)
		}
	}
}

func TestConfigureAgainDisturbsNothing(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	same := func() Definitions {
		return Definitions{Services: []Definition{web("a", 1, ttl(time.Hour))}, Checks: []Check{checkCalled("node", "")}}
	}
	configure(t, l, same())
	_, before, _ := store.Look(state.Everything)
	_, changed := l.Services()
	configure(t, l, same())
	if _, after, _ := store.Look(state.Everything); after != before {
		t.Errorf("the index went from %d to %d", before, after)
	}
	select {
	case <-changed:
		t.Error("who waits for a change was told of one")
	default:
	}
}

func TestConfigureIsWholeOrNothing(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	configure(t, l, Definitions{Services: []Definition{web("a", 1)}})
	err := l.Configure(Definitions{Services: []Definition{web("b", 1)}, Checks: []Check{checkCalled("x", "a")}})
	if !errors.Is(err, NoSuchService("a")) || !strings.Contains(err.Error(), `check "x"`) {
		t.Errorf("got %v, want that the service of the check x is not there", err)
	}
	if s := store.Snapshot(); s.Service("n1", "a") == nil || s.Service("n1", "b") != nil {
		t.Error("half of a wrong configuration is in force")
	}
}

func TestConfigureLeavesWhatOthersAnnouncedSince(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	configure(t, l, Definitions{Services: []Definition{web("a", 1), web("b", 1)}, Checks: []Check{checkCalled("x", ""), checkCalled("y", "")}})
	register(t, l, "a")
	if err := l.RegisterCheck(checkCalled("x", "")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Deregister("b"), l.DeregisterCheck("y")); err != nil {
		t.Fatal(err)
	}
	configure(t, l, Definitions{})
	if store.Snapshot().Service("n1", "a") == nil || status(store, "x") == "" {
		t.Error("what was announced over HTTP went with the configuration")
	}
}

func TestConfigureComesBackAfterOthersTookItAway(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	all := Definitions{Services: []Definition{web("a", 1, checkCalled("a1", "")), web("b", 1)}, Checks: []Check{checkCalled("x", "b")}}
	configure(t, l, all)
	if err := errors.Join(l.DeregisterCheck("a1"), l.Deregister("b")); err != nil {
		t.Fatal(err)
	}
	// The catalog may have lost the whole node too.
	if err := store.Write(func(w *state.Writer) error { w.DeleteNode("n1"); return nil }); err != nil {
		t.Fatal(err)
	}
	configure(t, l, all)
	if store.Snapshot().Service("n1", "b") == nil || status(store, "a1") == "" || status(store, "x") == "" {
		t.Error("what is configured is not there again")
	}
}

func TestConfigureSidecars(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	with := func(id string, port int) Definition {
		d := web(id, port)
		d.Sidecar = &Sidecar{Service: state.Service{Service: "web-sidecar-proxy", Tags: []string{}, Proxy: &mesh.Proxy{}}}
		return d
	}
	port := func(id string) int {
		if s := store.Snapshot().Service("n1", id); s != nil {
			return s.Port
		}
		return -1
	}
	configure(t, l, Definitions{Services: []Definition{with("a", 1), with("b", 1)}})
	if a, b := port("a-sidecar-proxy"), port("b-sidecar-proxy"); a != 21000 || b != 21001 {
		t.Errorf("the sidecars got the ports %d and %d, want 21000 and 21001", a, b)
	}
	// Their checks report meanwhile; the services are to stay as they are.
	_, before, _ := store.Look(state.NodeServices("n1"))
	configure(t, l, Definitions{Services: []Definition{with("a", 1), with("b", 1)}})
	if _, after, _ := store.Look(state.NodeServices("n1")); after != before {
		t.Error("the same again changed something")
	}
	configure(t, l, Definitions{Services: []Definition{web("a", 1), with("b", 2)}})
	if a, b := port("a-sidecar-proxy"), port("b-sidecar-proxy"); a != -1 || b != 21001 || port("b") != 2 {
		t.Errorf("got the ports %d and %d, want none and 21001", a, b)
	}
	configure(t, l, Definitions{})
	if b := port("b-sidecar-proxy"); b != -1 {
		t.Error("a sidecar outlived its service")
	}
}

func TestSetNodeMeta(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	if err := l.SetNodeMeta(map[string]string{"rack": "7"}); err != nil {
		t.Fatal(err)
	}
	if got := store.Snapshot().Node("n1").Meta["rack"]; got != "7" || l.Node().Meta["rack"] != "7" {
		t.Errorf("got %q in the catalog and %v here, want 7", got, l.Node().Meta)
	}
}
