package discover_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

// TestNewsAfterAnAbsence: what a registry says that has just come back is
// doubted where it may not have heard of many, for some seconds.
func TestNewsAfterAnAbsence(t *testing.T) {
	for _, test := range []struct {
		name, before, after string
		instances           string // at once
		state               discover.State
		later               string
	}{
		{"nobody was heard for longer than a TTL", "1 2 3", "1! 2! 3!", "1 2 3", discover.Warming, ""},
		{"most were not", "1 2 3", "1! 2! 3", "1 2 3", discover.Warming, "3"},
		{"one was not", "1 2 3", "1! 2 3", "2 3", discover.Current, "2 3"},
		{"the last one was not", "1", "1!", "1", discover.Warming, ""},
		{"one is forgotten", "1 2 3", "2 3", "1 2 3", discover.Warming, "2 3"},
		{"all are in maintenance", "1 2", "1- 2-", "", discover.AllOut, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := discovertest.NewHand()
				src.Set("web", some(test.before)...)
				w := discover.Watch(src, web, discover.WatchConfig{})
				defer w.Close()
				time.Sleep(time.Second)
				src.Fail(errDown)
				src.Set("web", some(test.after)...)
				time.Sleep(10 * time.Second)
				src.Fail(nil)
				time.Sleep(2 * time.Second) // it is asked again within one
				if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != test.instances || s.State() != test.state {
					t.Errorf("at once: got %q, %s (%v); want %q, %s", discovertest.IDs(s.Instances), s.State(), s.Err, test.instances, test.state)
				}
				time.Sleep(10 * time.Second)
				if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != test.later || s.State() == discover.Warming {
					t.Errorf("later: got %q, %s; want %q", discovertest.IDs(s.Instances), s.State(), test.later)
				}
			})
		})
	}
}

// TestHeardAgain: who is heard again is in the list for good, and who fails then
// is out of it at once.
func TestHeardAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", some("1 2 3")...)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		time.Sleep(time.Second)
		src.Fail(errDown)
		src.Set("web", some("1! 2! 3!")...)
		time.Sleep(10 * time.Second)
		src.Fail(nil)
		time.Sleep(time.Second)
		for _, step := range []struct{ says, want string }{{"1 2! 3!", "1 2 3"}, {"1 2 3", "1 2 3"}, {"1 2! 3", "1 3"}} {
			src.Set("web", some(step.says)...)
			time.Sleep(200 * time.Millisecond)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != step.want {
				t.Errorf("the registry says %q: got %q, %s; want %q", step.says, discovertest.IDs(s.Instances), s.State(), step.want)
			}
		}
	})
}

// TestAnIndexThatFell is that of a registry that lost what it knew.
func TestAnIndexThatFell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", some("1 2")...)
		src.Set("web", some("1 2 3")...)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		time.Sleep(time.Second)
		src.Restart()
		time.Sleep(time.Second)
		if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2 3" || s.State() != discover.Warming {
			t.Errorf("got %q, %s; want all three, warming", discovertest.IDs(s.Instances), s.State())
		}
	})
}
