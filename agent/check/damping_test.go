package check

import (
	"testing"
	"time"

	"github.com/realjf/muster/agent/state"
)

func TestDamping(t *testing.T) {
	const halfLife = time.Minute
	for _, tc := range []struct {
		name     string
		halfLife time.Duration
		every    time.Duration // between two looks
		looks    string        // p, w and c: what it would be
		want     string        // what it is
	}{
		{"none unless asked for", 0, time.Second, "pcpcpcpcp", "pcpcpcpcp"},
		{"the third fall in quick succession is held", halfLife, time.Second, "pcpcpcpp", "pcpcpccc"},
		{"a warning is held like a recovery", halfLife, time.Second, "pcpcpcww", "pcpcpccc"},
		{"to begin as critical is no fall", halfLife, time.Second, "cpcpcp", "cpcpcp"},
		{"to stay critical is no fall", halfLife, time.Second, "pccccccp", "pccccccp"},
		{"a warning is no fall", halfLife, time.Second, "pwpwpwpw", "pwpwpwpw"},
		{"a warning that turns critical is one", halfLife, time.Second, "wcwcwcw", "wcwcwcc"},
		{"one fall in a half-life is not held", halfLife, halfLife / 2, "pcpcpcpcpcpcpcp", "pcpcpcpcpcpcpcp"},
		{"it is well again in time", halfLife, 30 * time.Second, "pccc", "pccc"},
		// 1, 1.71, 2.21 at the third fall: held for 1.56 half-lives.
		{"held for as long as it is due", halfLife, 15 * time.Second, "pcpcpcpppppppp", "pcpcpcccccccpp"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			statuses := map[byte]state.Status{'p': state.Passing, 'w': state.Warning, 'c': state.Critical}
			rule, now := damping{halfLife: tc.halfLife}, time.Now()
			got := ""
			for n := range tc.looks {
				shown := tc.looks[n : n+1]
				if _, held := rule.next(statuses[tc.looks[n]], now); held {
					shown = "c"
				}
				got += shown
				now = now.Add(tc.every)
			}
			if got != tc.want {
				t.Errorf("%s leads to %s, want %s", tc.looks, got, tc.want)
			}
		})
	}
}

// TestDampingIsBounded: however often it fell, it is told in the end.
func TestDampingIsBounded(t *testing.T) {
	rule, now := damping{halfLife: time.Minute}, time.Now()
	var until time.Time
	for range 1000 {
		for _, status := range []state.Status{state.Passing, state.Critical} {
			until, _ = rule.next(status, now)
			now = now.Add(time.Millisecond)
		}
	}
	if wait := until.Sub(now); wait < 2*time.Minute || wait > 150*time.Second {
		t.Errorf("it is held for %s more, want between 2 and 2.5 half-lives", wait)
	}
	if _, held := rule.next(state.Passing, until); held {
		t.Error("it is held once its time is over")
	}
}
