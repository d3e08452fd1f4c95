package session

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running gives the test a keeper that lets sessions expire.
func running(t *testing.T, test func(*testing.T, *Keeper, *state.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := state.New()
		if err := store.Write(func(w *state.Writer) error {
			w.PutNode(state.Node{Node: "n1", Address: "10.0.0.1"})
			return w.PutCheck(state.Check{Node: "n1", CheckID: "serfHealth", Status: state.Passing})
		}); err != nil {
			t.Fatal(err)
		}
		keeper := New(store, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { keeper.Run(ctx) })
		test(t, keeper, store)
		cancel()
		loop.Wait()
	})
}

func create(t *testing.T, k *Keeper, adjust func(*state.Session)) string {
	t.Helper()
	session := state.Session{Node: "n1", Behavior: state.ReleaseLocks, LockDelay: DefaultLockDelay, NodeChecks: []string{"serfHealth"}}
	if adjust != nil {
		adjust(&session)
	}
	id, err := k.Create(session)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// lock takes a key for a session and reports whether it got it.
func lock(t *testing.T, store *state.Store, key, session string) bool {
	t.Helper()
	got := false
	if err := store.Write(func(w *state.Writer) (err error) {
		_, got, err = w.Lock(key, nil, 0, session)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSessionExpiresAtTwiceItsTTL(t *testing.T) {
	running(t, func(t *testing.T, k *Keeper, store *state.Store) {
		id := create(t, k, func(s *state.Session) { s.TTL = "10s" })
		forever := create(t, k, nil)
		if !lock(t, store, "leader", id) {
			t.Fatal("a free key could not be locked")
		}
		for range 10 {
			time.Sleep(19 * time.Second)
			if k.Renew(id) == nil {
				t.Fatal("a session expired though it was renewed in time")
			}
		}
		time.Sleep(20*time.Second - time.Nanosecond)
		synctest.Wait()
		if store.Snapshot().Session(id) == nil {
			t.Fatal("a session expired before twice its TTL")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if store.Snapshot().Session(id) != nil || k.Renew(id) != nil {
			t.Error("a session outlived twice its TTL")
		}
		entry, _, _ := store.Snapshot().Entry("leader")
		if entry == nil || entry.Session != "" || entry.LockIndex != 1 {
			t.Errorf("the key of a dead session is %+v, want it unlocked", entry)
		}
		if store.Snapshot().Session(forever) == nil {
			t.Error("a session without a TTL expired")
		}
	})
}

// TestRestartGivesSessionsTheirWholeTime: those that a restored state has and
// those that it brings back, which nobody counts any more.
func TestRestartGivesSessionsTheirWholeTime(t *testing.T) {
	running(t, func(t *testing.T, k *Keeper, store *state.Store) {
		const ttl = 20 * time.Second
		tenSeconds := func(s *state.Session) { s.TTL = ttl.String() }
		gone, kept := create(t, k, tenSeconds), create(t, k, tenSeconds)
		var file bytes.Buffer
		if err := store.Snapshot().Save(&file); err != nil {
			t.Fatal(err)
		}
		if err := k.Destroy(gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*ttl - time.Second)
		saved, err := state.Load(&file)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Restore(saved, func(*state.Writer) error { return nil }); err != nil {
			t.Fatal(err)
		}
		k.Restart()
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{2*ttl - time.Second, 2}, {time.Second, 0}} {
			time.Sleep(c.after)
			synctest.Wait()
			if got := store.Snapshot().Sessions(); len(got) != c.want {
				t.Errorf("%s later: got %d sessions of %s and %s, want %d", c.after, len(got), gone, kept, c.want)
			}
		}
	})
}

func TestLockDelayFollowsADeadSession(t *testing.T) {
	running(t, func(t *testing.T, k *Keeper, store *state.Store) {
		id := create(t, k, func(s *state.Session) { s.LockDelay = 5 * time.Second })
		lock(t, store, "a", id)
		if got := store.LockDelay("a"); got != 0 {
			t.Errorf("a held key is delayed by %s", got)
		}
		if err := k.Destroy(id); err != nil {
			t.Fatal(err)
		}
		if got := store.LockDelay("a"); got != 5*time.Second {
			t.Errorf("got a delay of %s, want the session's 5s", got)
		}
		if got := store.LockDelay("b"); got != 0 {
			t.Errorf("a key that was never held is delayed by %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := store.LockDelay("a"); got != 0 {
			t.Errorf("after its time the delay is %s", got)
		}
	})
}

func TestSessionDiesWithItsCheckOrNode(t *testing.T) {
	for name, kill := range map[string]func(*state.Writer) error{
		"critical": func(w *state.Writer) error {
			return w.PutCheck(state.Check{Node: "n1", CheckID: "serfHealth", Status: state.Critical})
		},
		"gone":      func(w *state.Writer) error { w.DeleteCheck("n1", "serfHealth"); return nil },
		"node gone": func(w *state.Writer) error { w.DeleteNode("n1"); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			running(t, func(t *testing.T, k *Keeper, store *state.Store) {
				id := create(t, k, func(s *state.Session) { s.Behavior = state.DeleteLocks })
				lock(t, store, "mine", id)
				if err := store.Write(kill); err != nil {
					t.Fatal(err)
				}
				if store.Snapshot().Session(id) != nil {
					t.Error("the session lives on")
				}
				if entry, _, _ := store.Snapshot().Entry("mine"); entry != nil {
					t.Errorf("its key is %+v, want it deleted", entry)
				}
			})
		})
	}
}

func TestCreateRefuses(t *testing.T) {
	running(t, func(t *testing.T, k *Keeper, _ *state.Store) {
		sound := state.Session{Node: "n1", Behavior: state.ReleaseLocks}
		for _, tc := range []struct {
			name  string
			spoil func(*state.Session)
			want  error
		}{
			{"too short", func(s *state.Session) { s.TTL = "9s" }, Fault("Invalid Session TTL '9000000000', must be between [10s=24h0m0s]")},
			{"too long", func(s *state.Session) { s.TTL = "24h1s" }, Fault("Invalid Session TTL '86401000000000', must be between [10s=24h0m0s]")},
			{"behaviour", func(s *state.Session) { s.Behavior = "odd" }, Fault("Invalid Behavior setting 'odd'")},
			{"node", func(s *state.Session) { s.Node = "none" }, state.ErrUnknownNode},
			{"check", func(s *state.Session) { s.NodeChecks = []string{"none"} }, state.MissingCheck{ID: "none"}},
		} {
			session := sound
			tc.spoil(&session)
			if _, err := k.Create(session); !errors.Is(err, tc.want) {
				t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
			}
		}
	})
}

func TestLeastTTLIsChosen(t *testing.T) {
	keeper := New(state.New(), Config{MinTTL: time.Second})
	for ttl, want := range map[string]string{"999ms": "must be between [1s=24h0m0s]", "1s": "unknown node"} {
		_, err := keeper.Create(state.Session{Node: "n1", Behavior: state.ReleaseLocks, TTL: ttl})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a TTL of %s: got %v, want %q", ttl, err, want)
		}
	}
}
