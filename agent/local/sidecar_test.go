package local

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// withSidecar announces a service and a sidecar that names nothing but its
// checks.
func withSidecar(l *Local, id string, checks ...Check) error {
	proxy := mesh.Plain.Before(id, id, 80, "")
	return l.Register(Definition{
		Service: state.Service{ID: id, Service: id, Port: 80}, Checks: []Check{ttl(time.Hour)}, Token: "of " + id,
		Sidecar: &Sidecar{Service: state.Service{Kind: mesh.ConnectProxy, Service: id + "-proxy", Proxy: proxy}, Checks: checks},
	}, false)
}

func port(t *testing.T, l *Local, id string) int {
	t.Helper()
	svc, _, known := l.Service(id)
	if !known {
		t.Fatalf("there is no service %s", id)
	}
	return svc.Port
}

func TestSidecarPorts(t *testing.T) {
	l, err := New(state.New(), state.Node{Node: "n1", Address: "10.0.0.1"}, Config{SidecarPorts: PortRange{100, 101}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "a"} { // a keeps its port
		if err := withSidecar(l, id, ttl(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := port(t, l, SidecarID("a")), port(t, l, SidecarID("b")); a != 100 || b != 101 {
		t.Errorf("got ports %d and %d, want 100 and 101", a, b)
	}
	want := "no port provided for sidecar_service and none left in the configured range [100, 101]"
	if err := withSidecar(l, "c", ttl(time.Hour)); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, _, known := l.Service("c"); known {
		t.Error("a service is there whose sidecar could not be")
	}
	if err := l.Deregister("a"); err != nil {
		t.Fatal(err)
	}
	if err := withSidecar(l, "c", ttl(time.Hour)); err != nil || port(t, l, SidecarID("c")) != 100 {
		t.Errorf("got %v and port %d, want the port that is free again", err, port(t, l, SidecarID("c")))
	}
	l.config.SidecarPorts.Max = -1
	if err := withSidecar(l, "d"); err != errNoPort {
		t.Errorf("got %v, want %v", err, errNoPort)
	}
}

func TestSidecarGoesWithItsService(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	if err := withSidecar(l, "web", ttl(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := withSidecar(l, "own", ttl(time.Hour)); err != nil {
		t.Fatal(err)
	}
	register(t, l, SidecarID("own")) // somebody made it a service of its own
	for _, id := range []string{"web", "own"} {
		if err := l.Deregister(id); err != nil {
			t.Fatal(err)
		}
	}
	if store.Snapshot().Service("n1", SidecarID("web")) != nil {
		t.Error("a sidecar stayed when its service went")
	}
	if store.Snapshot().Service("n1", SidecarID("own")) == nil {
		t.Error("a service went that was no sidecar any more")
	}
}

// A sidecar without checks of its own looks whether somebody listens, and
// follows its service.
func TestSidecarChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		if err := withSidecar(l, "web"); err != nil {
			t.Fatal(err)
		}
		sidecar := SidecarID("web")
		listens := l.checks["service:"+sidecar+":1"].announced
		if want := (check.Definition{TCP: "127.0.0.1:21000", Interval: 10 * time.Second}); listens.Definition.TCP != want.TCP ||
			listens.Definition.Interval != want.Interval || listens.Name != "Connect Sidecar Listening" {
			t.Errorf("got %+v, want a check of %s", listens, want.TCP)
		}
		alias := "service:" + sidecar + ":2"
		for _, want := range []state.Status{state.Critical, state.Passing, state.Warning} {
			if err := l.UpdateTTL("service:web", want, ""); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := status(store, alias); got != want {
				t.Errorf("got %s, want %s, as its service is", got, want)
			}
		}
		if err := l.SetNodeMaintenance(true, ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := status(store, alias); got != state.Critical {
			t.Errorf("got %s while the node is in maintenance, want critical", got)
		}
	})
}

// An alias knows of the service it is an alias of as soon as it comes, here
// and on other nodes.
func TestAliasOfWhatIsNotThereYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		register(t, l, "near", Check{ID: "near", Definition: check.Definition{AliasService: "late"}})
		register(t, l, "far", Check{ID: "far", Definition: check.Definition{AliasNode: "n2", AliasService: "late"}})
		if got := status(store, "near"); got != state.Critical {
			t.Errorf("got %s before its service came, want critical at once", got)
		}
		putFar := func(change func(*state.Writer) error) {
			t.Helper()
			if err := store.Write(change); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		putFar(func(w *state.Writer) error { w.PutNode(state.Node{Node: "n2"}); return nil })
		if got := status(store, "far"); got != state.Critical {
			t.Errorf("got %s with a node without the service, want critical", got)
		}
		putFar(func(w *state.Writer) error {
			return w.PutService(state.Service{Node: "n2", ID: "late", Service: "late"})
		})
		register(t, l, "late")
		synctest.Wait()
		for _, id := range []string{"near", "far"} {
			if got := status(store, id); got != state.Passing {
				t.Errorf("%s: got %s when its service came, want passing", id, got)
			}
		}
		putFar(func(w *state.Writer) error {
			return w.PutCheck(state.Check{Node: "n2", CheckID: "c", ServiceID: "late", Status: state.Warning})
		})
		if got := status(store, "far"); got != state.Warning {
			t.Errorf("got %s, want the warning of the service on the other node", got)
		}
	})
}

// An alias hears of the checks of the node itself, but of no other alias there;
// and of a check whose id moves to another service.
func TestAliasSeesTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		register(t, l, "web", Check{ID: "moves", Status: state.Critical, Definition: check.Definition{TTL: time.Hour}})
		register(t, l, "shadow", Check{ID: "shadow", Definition: check.Definition{AliasService: "web"}})
		is := func(what string, want state.Status) {
			t.Helper()
			synctest.Wait()
			if got := status(store, "shadow"); got != want {
				t.Errorf("%s: got %s, want %s", what, got, want)
			}
		}
		is("a check that fails", state.Critical)
		register(t, l, "other", Check{ID: "moves", Definition: check.Definition{TTL: time.Hour}})
		is("the check is another service's", state.Passing)
		on := func(c Check) {
			t.Helper()
			if err := l.RegisterCheck(c); err != nil {
				t.Fatal(err)
			}
		}
		on(Check{ID: "node", Status: state.Warning, Definition: check.Definition{TTL: time.Hour}})
		is("a check of the node", state.Warning)
		on(Check{ID: "alias", Definition: check.Definition{AliasService: "none"}})
		is("an alias on the node, which is critical", state.Warning)
		if err := l.DeregisterCheck("node"); err != nil {
			t.Fatal(err)
		}
		is("none of them", state.Passing)
		if err := l.Deregister("shadow"); err != nil {
			t.Fatal(err)
		}
		if err := l.DeregisterCheck("alias"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(l.aliased) != 0 {
			t.Errorf("%d services are remembered of which there is no alias", len(l.aliased))
		}
	})
}

// TestTokens keeps those that services and sidecars were announced with.
func TestTokens(t *testing.T) {
	l, _, stop := start(t)
	defer stop()
	if err := withSidecar(l, "web", ttl(time.Hour)); err != nil {
		t.Fatal(err)
	}
	own := Sidecar{Service: state.Service{Kind: mesh.ConnectProxy, Service: "db-proxy", Proxy: mesh.Plain.Before("db", "db", 1, "")}, Token: "its own"}
	if err := l.Configure(Definitions{Services: []Definition{{Service: state.Service{ID: "db", Service: "db"}, Sidecar: &own, Token: "t"}}}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"web": "of web", SidecarID("web"): "of web", "db": "t", SidecarID("db"): "its own"} {
		if got := l.services[id].token; got != want {
			t.Errorf("%s has the token %q, want %q", id, got, want)
		}
	}
}
