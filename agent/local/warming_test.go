package local

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// life runs a Local that keeps what it announces in store, until end is called.
func life(t *testing.T, store *state.Store) (l *Local, end func()) {
	t.Helper()
	l, err := New(store, state.Node{Node: "n1", Address: "10.0.0.1"}, Config{Keep: true})
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = l.Run(ctx) })
	return l, func() { cancel(); running.Wait() }
}

// TestTTLWarmsUntilItIsTold: after a restart a TTL has the status that it had,
// and a whole time to report; it is warming until it does.
func TestTTLWarmsUntilItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := state.New()
		l, end := life(t, store)
		for _, id := range []string{"told", "silent", "withdrawn", "again"} {
			register(t, l, id, ttl(time.Minute))
			if err := l.UpdateTTL("service:"+id, state.Passing, "fine"); err != nil {
				t.Fatal(err)
			}
		}
		if l.WarmingChecks() != 0 {
			t.Fatalf("%d checks are warming before any restart", l.WarmingChecks())
		}
		time.Sleep(59 * time.Second)
		end()

		l, end = life(t, store)
		defer end()
		seen := l.Warming(slices.Values(store.Snapshot().ChecksOn("n1")))
		if l.WarmingChecks() != 4 || seen.Count() != 4 {
			t.Fatalf("%d checks are warming, and %d in an answer, want 4", l.WarmingChecks(), seen.Count())
		}
		if h, err := l.History("service:told"); err != nil || !h.Warming || h.Status != state.Passing {
			t.Errorf("after the restart: got %+v, %v; want a passing check that is warming", h, err)
		}
		time.Sleep(59 * time.Second) // far behind its time before the restart
		for _, id := range []string{"told", "silent"} {
			if got := status(store, "service:"+id); got != state.Passing {
				t.Errorf("%s is %s within the time that it has anew", id, got)
			}
		}
		register(t, l, "again", ttl(time.Minute)) // which tells nothing
		if err := l.Deregister("withdrawn"); err != nil {
			t.Fatal(err)
		}
		if err := l.UpdateTTL("service:told", state.Passing, "fine"); err != nil {
			t.Fatal(err)
		}
		if h, _ := l.History("service:told"); h.Warming || seen.Count() != 2 || l.WarmingChecks() != 2 {
			t.Errorf("of one that was told: got %+v; %d and %d are warming, want 2", h, seen.Count(), l.WarmingChecks())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := status(store, "service:silent"); got != state.Critical {
			t.Errorf("what was silent for its whole time is %s, want critical", got)
		}
		if h, _ := l.History("service:silent"); h.Warming || l.WarmingChecks() != 1 {
			t.Errorf("what lapsed is known: got %+v; %d are warming, want 1", h, l.WarmingChecks())
		}
	})
}

// TestLooksAfterARestart: what lives stays passing and is warming until it was
// looked at; what died meanwhile is out with its first look, unless its check
// asks for more of them.
func TestLooksAfterARestart(t *testing.T) {
	var mu sync.Mutex
	dead, asked := false, map[string]int{}
	held := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		mu.Unlock()
		switch {
		case !dead: // set while nobody asks
		case r.URL.Path == "/lives":
			<-held
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	looks := func(path string, failures int) Check {
		return Check{Definition: check.Definition{HTTP: server.URL + path, Interval: time.Hour, FailuresBeforeCritical: failures}}
	}
	store := state.New()
	l, end := life(t, store)
	register(t, l, "lives", looks("/lives", 0))
	register(t, l, "dies", looks("/dies", 0))
	register(t, l, "stumbles", looks("/stumbles", 3))
	eventually(t, "all pass", func() bool {
		return status(store, "service:lives") == state.Passing && status(store, "service:dies") == state.Passing && status(store, "service:stumbles") == state.Passing
	})
	end()
	dead = true

	l, end = life(t, store)
	defer end()
	eventually(t, "what died is out", func() bool { return status(store, "service:dies") == state.Critical })
	eventually(t, "all but one were looked at", func() bool { return l.WarmingChecks() == 1 })
	if h, err := l.History("service:lives"); err != nil || !h.Warming || h.Status != state.Passing {
		t.Errorf("while it is being looked at: got %+v, %v; want a passing check that is warming", h, err)
	}
	if h, _ := l.History("service:stumbles"); h.Status != state.Passing || len(h.Looks) != 1 || !h.Looks[0].Held {
		t.Errorf("one failure of three: got %+v, want a passing check, and a look that was held back", h)
	}
	close(held)
	eventually(t, "none is warming", func() bool { return l.WarmingChecks() == 0 })
	if got := status(store, "service:lives"); got != state.Passing {
		t.Errorf("what lives is %s", got)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// TestFirstLooks: those that are sent to come first, and of them not always the
// same.
func TestFirstLooks(t *testing.T) {
	statuses := map[string]state.Status{"a": state.Critical, "b": state.Passing, "c": state.Warning, "d": state.Passing, "e": state.Critical}
	first := map[string]bool{}
	for range 200 {
		checks := []*state.Announced{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}}
		firstLooks(checks, func(id string) state.Status { return statuses[id] })
		var order []state.Status
		for _, c := range checks {
			order = append(order, statuses[c.ID])
		}
		if want := []state.Status{state.Passing, state.Passing, state.Warning, state.Critical, state.Critical}; !slices.Equal(order, want) {
			t.Fatalf("got %v, want %v", order, want)
		}
		first[checks[0].ID] = true
	}
	if !first["b"] || !first["d"] {
		t.Errorf("only %v was ever first", first)
	}
}
