package local

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a Local with its checks running; stop ends them.
func start(t *testing.T) (l *Local, store *state.Store, stop func()) {
	t.Helper()
	store = state.New()
	l, err := New(store, state.Node{Node: "n1", Address: "10.0.0.1"}, Config{})
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	return l, store, func() { cancel(); running.Wait() }
}

func register(t *testing.T, l *Local, id string, checks ...Check) {
	t.Helper()
	svc := state.Service{ID: id, Service: "web", Tags: []string{"a"}, Weights: state.Weights{Passing: 1, Warning: 1}}
	if err := l.Register(Definition{Service: svc, Checks: checks}, false); err != nil {
		t.Fatalf("register %s: %v", id, err)
	}
}

func ttl(d time.Duration) Check { return Check{Definition: check.Definition{TTL: d}} }

// status returns the status of a check in the catalog, "" when it is not there.
func status(store *state.Store, id string) state.Status {
	if c := store.Snapshot().Check("n1", id); c != nil {
		return c.Status
	}
	return ""
}

func TestRegisterNamesChecks(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	register(t, l, "web-1", ttl(time.Hour))
	register(t, l, "web-2", ttl(time.Hour), Check{Name: "mine", Definition: check.Definition{TTL: time.Hour}})
	for id, name := range map[string]string{
		"service:web-1":   "Service 'web' check",
		"service:web-2:1": "Service 'web' check",
		"service:web-2:2": "mine",
	} {
		c := store.Snapshot().Check("n1", id)
		if c == nil {
			t.Errorf("there is no check %s", id)
			continue
		}
		if c.Name != name || c.Status != state.Critical || c.Type != "ttl" || c.ServiceName != "web" || len(c.ServiceTags) != 1 {
			t.Errorf("got %+v, want name %q, critical, and the service's name and tags", c, name)
		}
	}
	if mine, _ := l.Checks(); len(mine) != 3 || mine[0].ServiceName != "web" {
		t.Errorf("the agent's own checks are %+v, want the same 3", mine)
	}
}

func TestRegisterAgainKeepsStatus(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	register(t, l, "web-1", ttl(time.Hour))
	if err := l.UpdateTTL("service:web-1", state.Passing, "fine"); err != nil {
		t.Fatal(err)
	}
	again := ttl(time.Minute)
	again.Status = state.Warning
	register(t, l, "web-1", again)
	got := store.Snapshot().Check("n1", "service:web-1")
	if got.Status != state.Passing || got.Output != "fine" {
		t.Errorf("got %s %q, want it to keep passing and its output", got.Status, got.Output)
	}
}

func TestRegisterReplacesChecksOnlyWhenAsked(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	old := ttl(time.Hour)
	old.ID = "old"
	svc := state.Service{ID: "web-1", Service: "web", Tags: []string{}}
	for _, replace := range []bool{false, true} {
		register(t, l, "web-1", old)
		if err := l.Register(Definition{Service: svc, Checks: []Check{ttl(time.Hour)}}, replace); err != nil {
			t.Fatal(err)
		}
		if gone := status(store, "old") == ""; gone != replace {
			t.Errorf("replace %t: the old check is gone is %t", replace, gone)
		}
		if mine, _ := l.Checks(); (len(mine) == 1) != replace {
			t.Errorf("replace %t: %d checks are left", replace, len(mine))
		}
	}
}

func TestTTLGoesCriticalAndReaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		c := ttl(10 * time.Second)
		c.Status, c.DeregisterAfter = state.Passing, 30*time.Second
		register(t, l, "web-1", c)
		_, gone, _ := l.Service("web-1")

		time.Sleep(9 * time.Second)
		synctest.Wait()
		if got := status(store, "service:web-1"); got != state.Passing {
			t.Errorf("after 9s: got %s, want passing", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := status(store, "service:web-1"); got != state.Critical {
			t.Errorf("after 10s: got %s, want critical", got)
		}
		time.Sleep(29 * time.Second)
		if err := l.UpdateTTL("service:web-1", state.Passing, ""); err != nil {
			t.Fatal(err) // saved at the last second
		}
		time.Sleep(10*time.Second + 29*time.Second)
		synctest.Wait()
		if store.Snapshot().Service("n1", "web-1") == nil {
			t.Fatal("removed before it was critical for 30s")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if store.Snapshot().Service("n1", "web-1") != nil || status(store, "service:web-1") != "" {
			t.Error("still there after 30s of critical")
		}
		select {
		case <-gone:
		default:
			t.Error("those who wait for the service were not told")
		}
		if _, _, known := l.Service("web-1"); known {
			t.Error("the agent still announces it")
		}
	})
}

func TestHTTPCheckDecides(t *testing.T) {
	healthy := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	l, store, stop := start(t)
	defer stop()
	_, _, watch := store.Look(state.ServiceHealth("web"))
	register(t, l, "web-1", Check{Definition: check.Definition{HTTP: server.URL, Interval: time.Hour}})
	for status(store, "service:web-1") != state.Passing {
		<-watch // the first probe comes at once
		_, _, watch = store.Look(state.ServiceHealth("web"))
	}
}

func TestOutputAloneDoesNotWakeReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		register(t, l, "web-1", ttl(time.Hour))
		say := func(output string) {
			t.Helper()
			if err := l.UpdateTTL("service:web-1", state.Passing, output); err != nil {
				t.Fatal(err)
			}
		}
		say("one")
		_, index, _ := store.Look(state.ServiceHealth("web"))
		say("two")
		if _, got, _ := store.Look(state.ServiceHealth("web")); got != index {
			t.Error("a new output of the same status moved the index")
		}
		if mine, _ := l.Checks(); mine[0].Output != "two" {
			t.Errorf("the agent's own answer has %q, want the latest output", mine[0].Output)
		}
		time.Sleep(5 * time.Minute)
		say("three")
		if got := store.Snapshot().Check("n1", "service:web-1").Output; got != "three" {
			t.Errorf("after five minutes the catalog has %q, want the latest output", got)
		}
	})
}

func TestMaintenance(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	register(t, l, "web-1")
	worst := func() state.Status {
		return state.Worst(store.Snapshot().Instances("web")[0].Checks)
	}
	for range 2 { // twice is as good as once
		if err := l.SetMaintenance("web-1", true, "why"); err != nil {
			t.Fatal(err)
		}
	}
	if got := worst(); got != state.Maintenance {
		t.Errorf("got %s, want maintenance", got)
	}
	if got := store.Snapshot().Check("n1", "_service_maintenance:web-1"); got.Notes != "why" || got.Type != "maintenance" {
		t.Errorf("got %+v, want the reason in its notes", got)
	}
	for range 2 {
		if err := l.SetMaintenance("web-1", false, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.SetNodeMaintenance(true, ""); err != nil {
		t.Fatal(err)
	}
	if got := worst(); got != state.Maintenance {
		t.Errorf("node in maintenance: got %s", got)
	}
	if err := l.SetNodeMaintenance(false, ""); err != nil {
		t.Fatal(err)
	}
	if got := worst(); got != state.Passing {
		t.Errorf("after all maintenance: got %s, want passing", got)
	}
}

func TestUnknown(t *testing.T) {
	l, _, stop := start(t)
	defer stop()
	register(t, l, "web-1", Check{Definition: check.Definition{HTTP: "http://127.0.0.1:1", Interval: time.Hour}})
	for _, tc := range []struct {
		name string
		got  error
		want error
	}{
		{"deregister", l.Deregister("none"), UnknownService("none")},
		{"maintenance", l.SetMaintenance("none", true, ""), UnknownService("none")},
		{"deregister check", l.DeregisterCheck("none"), UnknownCheck("none")},
		{"heartbeat", l.UpdateTTL("none", state.Passing, ""), UnknownCheck("none")},
		{"heartbeat of another kind", l.UpdateTTL("service:web-1", state.Passing, ""), NotTTL("service:web-1")},
		{"check of no service", l.RegisterCheck(Check{ID: "c", ServiceID: "none"}), NoSuchService("none")},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

func TestDeregisterTakesChecksAlong(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	register(t, l, "web-1", ttl(time.Hour))
	if err := l.RegisterCheck(Check{ID: "more", Name: "more", ServiceID: "web-1", Definition: check.Definition{TTL: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Deregister("web-1"); err != nil {
		t.Fatal(err)
	}
	if mine, _ := l.Checks(); len(mine) != 0 {
		t.Errorf("%d checks outlived their service here", len(mine))
	}
	if left := store.Snapshot().ChecksFor("web"); len(left) != 0 {
		t.Errorf("%d checks outlived their service in the catalog", len(left))
	}
}

// TestCheckIDChangesHands: a check that is announced under an id which another
// owner has moves to the new owner, and lives and dies with that one.
func TestCheckIDChangesHands(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	shared := ttl(time.Hour)
	shared.ID = "shared"
	own := ttl(time.Hour)
	register(t, l, "a", shared, own)
	register(t, l, "b", shared)
	if err := l.Deregister("a"); err != nil {
		t.Fatal(err)
	}
	if err := l.UpdateTTL("shared", state.Passing, ""); err != nil || status(store, "shared") != state.Passing {
		t.Errorf("the check went with its former owner: %v", err)
	}
	node := shared
	node.Name, node.ServiceID = "shared", ""
	if err := l.RegisterCheck(node); err != nil {
		t.Fatal(err)
	}
	if err := l.Deregister("b"); err != nil {
		t.Fatal(err)
	}
	if err := l.DeregisterCheck("shared"); err != nil {
		t.Errorf("the node's check went with a service: %v", err)
	}
	if mine, _ := l.Checks(); len(mine) != 0 || status(store, "shared") != "" {
		t.Errorf("%d checks are left here, %q in the catalog", len(mine), status(store, "shared"))
	}
}

func TestAnnouncingATTLAgainRenewsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		c := ttl(10 * time.Second)
		c.Status = state.Passing
		for range 5 {
			register(t, l, "web-1", c)
			time.Sleep(9 * time.Second)
			synctest.Wait()
			if got := status(store, "service:web-1"); got != state.Passing {
				t.Fatalf("got %s, want that announcing it again is a sign of life", got)
			}
		}
	})
}
