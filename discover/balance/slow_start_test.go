package balance

import (
	"testing"
	"time"

	"github.com/realjf/muster/discover"
)

func TestSlowStartGrowsOverItsWindow(t *testing.T) {
	s := newScene()
	var candidates []Candidate
	policy := SlowStart(time.Minute, keep{&candidates})
	weight := func(_ int, instance *discover.Instance) { instance.Weights.Passing = 4 }
	if plan := s.plan(policy, some(3, weight)); !plan.Again.IsZero() {
		t.Error("the instances of the first answer count as new")
	}
	for id, w := range weightsOf(candidates) {
		if w != 4 {
			t.Errorf("%s of the first answer begins with the weight %v, want 4", id, w)
		}
	}
	all := some(4, weight)
	s.now = s.now.Add(time.Hour)
	came := s.now
	for _, test := range []struct {
		after time.Duration
		want  float64
	}{{0, 0.4}, {3 * time.Second, 0.4}, {15 * time.Second, 1}, {30 * time.Second, 2}, {45 * time.Second, 3}, {time.Minute, 4}, {time.Hour, 4}} {
		s.now = came.Add(test.after)
		plan := s.plan(policy, all)
		got := weightsOf(candidates)
		if got["0"] != 4 || got["3"] != test.want {
			t.Errorf("after %s: the old one has %v, the new one %v; want 4 and %v", test.after, got["0"], got["3"], test.want)
		}
		if grows := test.after < time.Minute; plan.Again.IsZero() == grows {
			t.Errorf("after %s: it plans again at %v", test.after, plan.Again)
		}
	}

	// After there were none, nobody is there to take a new one's share.
	s.plan(policy, nil)
	if plan := s.plan(policy, some(2, nil)); !plan.Again.IsZero() {
		t.Error("the first ones after there were none count as new")
	}
}
