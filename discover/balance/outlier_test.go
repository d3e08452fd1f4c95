package balance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/realjf/muster/discover"
)

// in returns who is in, by id, as an outlier policy plans now.
func (s *scene) in(cfg OutlierConfig, all []discover.Instance) (map[string]float64, Plan) {
	var candidates []Candidate
	plan := s.plan(Outlier(cfg, keep{&candidates}), all)
	return weightsOf(candidates), plan
}

// fail makes calls to the target of an id that fail, or do not.
func (s *scene) calls(id string, n int, err error) {
	for identity, target := range s.targets {
		for range n {
			if identity.id == id {
				target.Start().Done(err)
			}
		}
	}
}

var errRefused = errors.New("refused")

func TestOutlierGoesAndComesBack(t *testing.T) {
	s := newScene()
	all := some(10, nil)
	s.in(OutlierConfig{}, all)
	s.calls("3", 4, errRefused)
	s.calls("3", 1, nil)
	s.calls("3", 4, errRefused)
	select {
	case <-s.Stale():
		t.Error("four failures in a row asked for a plan")
	default:
	}
	s.calls("3", 1, errRefused)
	select {
	case <-s.Stale():
	default:
		t.Error("five failures in a row did not ask for a plan")
	}
	for times := 1; times <= 15; times++ {
		in, _ := s.in(OutlierConfig{}, all)
		if len(in) != 9 || in["3"] != 0 {
			t.Fatalf("time %d: %v are in, want all but 3", times, in)
		}
		begin := s.now
		for in["3"] == 0 { // it comes back by itself, when the plan said
			var plan Plan
			in, plan = s.in(OutlierConfig{}, all)
			if in["3"] == 0 {
				s.now = plan.Again
			}
		}
		if got, want := s.now.Sub(begin), min(time.Duration(times)*30*time.Second, 5*time.Minute); got != want {
			t.Errorf("time %d: it was out for %s, want %s", times, got, want)
		}
		s.calls("3", 5, errRefused)
	}
}

// One that cannot be reached is ejected at once, where failures in a row are
// looked at.
func TestOutlierUnreachable(t *testing.T) {
	for _, test := range []struct {
		inARow int
		want   int // how many are in
	}{{0, 3}, {100, 3}, {-1, 4}} {
		s := newScene()
		all := some(4, nil)
		cfg := OutlierConfig{InARow: test.inARow}
		s.in(cfg, all)
		s.calls("0", 2, fmt.Errorf("%w: refused", ErrUnreachable))
		asked := false
		select {
		case <-s.Stale():
			asked = true
		default:
		}
		if in, _ := s.in(cfg, all); len(in) != test.want || asked != (test.want == 3) {
			t.Errorf("%d in a row: %v are in, a plan was asked for: %t", test.inARow, in, asked)
		}
	}
}

// One that was ejected because it took no connection is back when it takes one,
// but not again and again; one that failed its calls is not.
func TestOutlierReached(t *testing.T) {
	s := newScene()
	all := some(10, nil)
	s.in(OutlierConfig{}, all)
	reached := func(id string) {
		for identity, target := range s.targets {
			if identity.id == id {
				target.Reached()
			}
		}
	}
	s.calls("7", 5, errRefused)
	for times := 1; times <= 5; times++ {
		s.calls("3", 2, ErrUnreachable)
		if in, _ := s.in(OutlierConfig{}, all); len(in) != 8 {
			t.Fatalf("time %d: %v are in, want all but 3 and 7", times, in)
		}
		reached("3")
		reached("7")
		in, _ := s.in(OutlierConfig{}, all)
		if back := in["3"] != 0; back != (times <= 3) || in["7"] != 0 {
			t.Errorf("time %d: %v are in", times, in)
		}
		if times > 3 {
			break
		}
	}
	s.calls("4", 1, ErrUnreachable)
	reached("4") // before a plan was made
	if in, _ := s.in(OutlierConfig{}, all); in["4"] == 0 {
		t.Error("one that takes connections again was ejected")
	}
}

// What says nothing of a target makes it neither better nor worse.
func TestOutlierDrop(t *testing.T) {
	s := newScene()
	all := some(4, nil)
	s.in(OutlierConfig{}, all)
	for range 5 {
		s.calls("0", 1, errRefused)
		for identity, target := range s.targets {
			call := target.Start()
			if call.Drop(); target.Running() != 0 || identity.id == "1" && target.load.outcomes.succeeded.Load() != 0 {
				t.Fatalf("%+v after a call that was dropped", target.load)
			}
		}
	}
	if in, _ := s.in(OutlierConfig{}, all); len(in) != 3 || in["0"] != 0 {
		t.Errorf("%v are in, want all but 0", in)
	}
}

func TestOutlierForgives(t *testing.T) {
	s := newScene()
	all := some(4, nil)
	s.in(OutlierConfig{}, all)
	for range 3 {
		s.calls("0", 5, errRefused)
		s.in(OutlierConfig{}, all)
		s.now = s.now.Add(5 * time.Minute)
		s.in(OutlierConfig{}, all)
	}
	for range 5 { // periods in which it is well
		s.now = s.now.Add(10 * time.Second)
		s.in(OutlierConfig{}, all)
	}
	s.calls("0", 5, errRefused)
	s.in(OutlierConfig{}, all)
	s.now = s.now.Add(31 * time.Second)
	if in, _ := s.in(OutlierConfig{}, all); in["0"] == 0 {
		t.Error("after it was well for long, it is out for longer than the first time")
	}
}

func TestOutlierKeepsToItsShare(t *testing.T) {
	for _, test := range []struct {
		share float64
		n     int
		out   int
	}{{0, 1, 0}, {0, 2, 1}, {0, 3, 1}, {0, 10, 5}, {0.1, 9, 0}, {0.1, 20, 2}, {0.99, 3, 2}, {1, 4, 3}} {
		s := newScene()
		cfg := OutlierConfig{MaxShare: test.share}
		all := some(test.n, nil)
		s.in(cfg, all)
		for _, instance := range all {
			s.calls(instance.ID, 50, errRefused)
		}
		for range 3 {
			if in, _ := s.in(cfg, all); len(in) != test.n-test.out {
				t.Errorf("share %v of %d that all fail: %d are in, want %d", test.share, test.n, len(in), test.n-test.out)
			}
			s.now = s.now.Add(time.Second)
		}
		// The cap holds when there are fewer, too: some come back.
		half := all[:(test.n+1)/2]
		if in, _ := s.in(cfg, half); len(half)-len(in) > len(half)/2 && test.share == 0 {
			t.Errorf("after half of %d left, %d of %d are in", test.n, len(in), len(half))
		}
	}
}

func TestOutlierByTheShareOfSuccesses(t *testing.T) {
	for _, test := range []struct {
		name    string
		n       int
		calls   int
		failing func(i int) int // of a hundred
		out     string
	}{
		{"one fails half", 6, 200, func(i int) int { return map[bool]int{true: 50}[i == 2] }, "2"},
		{"all are as bad", 6, 200, func(int) int { return 50 }, ""},
		{"the worst of good ones", 6, 200, func(i int) int { return map[bool]int{true: 4}[i == 2] }, ""},
		{"too few to compare", 4, 200, func(i int) int { return map[bool]int{true: 50}[i == 2] }, ""},
		{"too few calls", 6, 50, func(i int) int { return map[bool]int{true: 50}[i == 2] }, ""},
	} {
		s := newScene()
		cfg := OutlierConfig{InARow: -1}
		all := some(test.n, nil)
		_, plan := s.in(cfg, all)
		for i, instance := range all {
			for call := range test.calls {
				if call%100 < test.failing(i) {
					s.calls(instance.ID, 1, errRefused)
				} else {
					s.calls(instance.ID, 1, nil)
				}
			}
		}
		if in, _ := s.in(cfg, all); len(in) != test.n {
			t.Errorf("%s: %v are in before the period ended", test.name, in)
		}
		s.now = plan.Again // the period has ended
		in, _ := s.in(cfg, all)
		switch {
		case test.out == "" && len(in) != test.n:
			t.Errorf("%s: only %v are in", test.name, in)
		case test.out != "" && (len(in) != test.n-1 || in[test.out] != 0):
			t.Errorf("%s: %v are in, want all but %s", test.name, in, test.out)
		}
	}
}

// Calls that had begun before their target was ejected, and fail after it, do not
// eject it again when it is back.
func TestOutlierForgivesWhatBeganBefore(t *testing.T) {
	s := newScene()
	all := some(10, nil)
	s.in(OutlierConfig{}, all)
	s.calls("3", 5, errRefused)
	if in, _ := s.in(OutlierConfig{}, all); len(in) != 9 {
		t.Fatalf("%v are in, want all but 3", in)
	}
	s.calls("3", 5, errRefused)
	s.now = s.now.Add(30 * time.Second)
	if in, _ := s.in(OutlierConfig{}, all); len(in) != 10 {
		t.Errorf("after its time %v are in, want all", in)
	}
}
