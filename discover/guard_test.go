package discover_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

// some returns instances by their ids: "1 2! 3-" has a healthy one, a critical
// one and one in maintenance.
func some(text string) []discover.Instance {
	var all []discover.Instance
	for _, id := range strings.Fields(text) {
		i := discover.Instance{Status: discover.Passing}
		switch {
		case strings.HasSuffix(id, "!"):
			i.Status, i.Reason = discover.Critical, "ping: refused"
		case strings.HasSuffix(id, "-"):
			i.Status, i.Reason = discover.Maintenance, "moving"
		}
		i.ID = strings.TrimRight(id, "!-")
		all = append(all, i)
	}
	return all
}

func TestGuard(t *testing.T) {
	hold := discover.Guard{Hold: time.Minute}
	tests := []struct {
		name  string
		guard discover.Guard
		// answers follow each other within a second.
		answers   string
		instances string // at once
		state     discover.State
		later     string // two minutes later
		after     discover.State
	}{
		{"none", discover.Guard{Hold: -1}, "1 2 3 |", "", discover.Empty, "", discover.Empty},
		{"unasked: all forgotten", discover.Guard{}, "1 2 3 |", "1 2 3", discover.Held, "", discover.Empty},
		{"unasked: some come back", discover.Guard{}, "1 2 3 | | 2", "1 2 3", discover.Held, "2", discover.Current},
		{"unasked: one failing is left", discover.Guard{}, "1 2 3 | 1!", "", discover.AllOut, "", discover.AllOut},
		{"unasked: one after the other", discover.Guard{}, "1 2 | 2 |", "", discover.Empty, "", discover.Empty},
		{"unasked: one alone", discover.Guard{}, "1 |", "", discover.Empty, "", discover.Empty},
		{"unasked: all fail", discover.Guard{}, "1 2 3 | 1! 2! 3!", "", discover.AllOut, "", discover.AllOut},
		{"a sudden empty", hold, "1 2 3 |", "1 2 3", discover.Held, "", discover.Empty},
		{"the last one", hold, "1 |", "1", discover.Held, "", discover.Empty},
		{"all fail", hold, "1 2 3 | 1! 2! 3!", "1 2 3", discover.Held, "", discover.AllOut},
		{"all in maintenance", hold, "1 2 | 1- 2-", "", discover.AllOut, "", discover.AllOut},
		{"most", hold, "1 2 3 | 3", "1 2 3", discover.Held, "3", discover.Current},
		{"half is not many", hold, "1 2 | 2", "2", discover.Current, "2", discover.Current},
		{"a few at a time", hold, "1 2 3 4 | 2 3 4 | 3 4", "3 4", discover.Current, "3 4", discover.Current},
		{"a new one is there at once", hold, "1 2 3 | 4", "1 2 3 4", discover.Held, "4", discover.Current},
		{"who comes back is not held", hold, "1 2 3 | | 1 2 3 | 1 3", "1 3", discover.Current, "1 3", discover.Current},
		{"in steps", hold, "1 2 3 4 | 1 | ", "1 2 3 4", discover.Held, "", discover.Empty},
		{"by a share", discover.Guard{Hold: time.Minute, Loss: 0.2}, "1 2 3 4 | 2 3 4", "1 2 3 4", discover.Held, "2 3 4", discover.Current},
		{"panic", discover.Guard{Panic: 0.5}, "1 2! 3!", "1 2 3", discover.Panicking, "1 2 3", discover.Panicking},
		{"panic without anybody well", discover.Guard{Panic: 0.5}, "1! 2-", "1", discover.Panicking, "1", discover.Panicking},
		{"enough are well", discover.Guard{Panic: 0.5}, "1 2!", "1", discover.Current, "1", discover.Current},
		{"maintenance is no reason to panic", discover.Guard{Panic: 0.5}, "1 2- 3-", "1", discover.Current, "1", discover.Current},
		{"nobody there is no reason to panic", discover.Guard{Panic: 0.5}, "", "", discover.Empty, "", discover.Empty},
		{"held, then panic", discover.Guard{Hold: time.Minute, Panic: 0.5}, "1 2 3 | 1! 2! 3", "1 2 3", discover.Held, "1 2 3", discover.Panicking},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := discovertest.NewHand()
				w := discover.Watch(src, web, discover.WatchConfig{Guard: test.guard})
				defer w.Close()
				for answer := range strings.SplitSeq(test.answers, "|") {
					src.Set("web", some(answer)...)
					time.Sleep(time.Second)
				}
				check := func(when, want string, state discover.State) {
					t.Helper()
					s, _ := w.Snapshot()
					if discovertest.IDs(s.Instances) != want || s.State() != state {
						t.Errorf("%s: got %q, %s (%v); want %q, %s", when, discovertest.IDs(s.Instances), s.State(), s.Err, want, state)
					}
					for _, i := range s.Unhealthy {
						if strings.Contains(want, i.ID) {
							t.Errorf("%s: %s is in both lists", when, i.ID)
						}
					}
				}
				check("at once", test.instances, test.state)
				time.Sleep(2 * time.Minute)
				check("later", test.later, test.after)
			})
		})
	}
}

func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Fail(errDown)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		is := func(want discover.State) {
			t.Helper()
			time.Sleep(2 * time.Second)
			if s, _ := w.Snapshot(); s.State() != want {
				t.Errorf("got %s, want %s", s.State(), want)
			}
		}
		is(discover.Pending)
		src.Fail(nil)
		is(discover.Empty)
		src.Set("web", some("1!")...)
		is(discover.AllOut)
		src.Set("web", some("1 2")...)
		is(discover.Current)
		src.Fail(errDown)
		is(discover.Degraded)
		src.Restart()
		src.Fail(nil)
		is(discover.Warming)
		src.Set("web", some("1 2")...)
		is(discover.Current)
	})
}
