package discovertest_test

import (
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHand(t *testing.T) {
	discovertest.TestSource(t, func(t *testing.T) discovertest.Registry {
		src := discovertest.NewHand()
		var mu sync.Mutex
		known := make(map[string]discover.Instance)
		change := func(change func()) {
			mu.Lock()
			defer mu.Unlock()
			change()
			var all []discover.Instance
			for _, i := range known {
				all = append(all, i)
			}
			src.Set("web", all...)
		}
		return discovertest.Registry{
			Source: src,
			Put:    func(_ *testing.T, i discover.Instance) { change(func() { known[i.ID] = i }) },
			Remove: func(_ *testing.T, i discover.Instance) { change(func() { delete(known, i.ID) }) },
		}
	})
}

func TestHandFailsAndRestarts(t *testing.T) {
	src := discovertest.NewHand()
	src.Set("web", discover.Instance{ID: "1"})
	q := discover.Query{Service: "web"}
	s, err := src.Next(t.Context(), q, 0)
	if err != nil || len(s.Instances) != 1 {
		t.Fatalf("got %+v, error %v", s, err)
	}
	broken := errors.New("broken")
	src.Fail(broken)
	if _, err := src.Next(t.Context(), q, s.Index); !errors.Is(err, broken) {
		t.Errorf("while it fails: got error %v", err)
	}
	src.Fail(nil)
	src.Restart()
	if fresh, err := src.Next(t.Context(), q, s.Index); err != nil || fresh.Index >= s.Index || fresh.Known() != 0 {
		t.Errorf("restarted: got %+v, error %v; want nothing at a lower index", fresh, err)
	}
	if src.Asked("web") != 3 {
		t.Errorf("asked %d times, want 3", src.Asked("web"))
	}
}
