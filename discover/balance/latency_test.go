package balance

import (
	"container/heap"
	"errors"
	"math"
	"testing"
	"time"
)

func TestFadeIsAsExactAsAWord(t *testing.T) {
	worst := 0.0
	for age := time.Duration(0); age < 2*time.Minute; age += latencyTick {
		worst = max(worst, math.Abs(fade(age)-math.Exp(-age.Seconds()/latencyMemory.Seconds())))
	}
	if limit := 1.0 / (1 << 24); worst > limit {
		t.Errorf("it is off by %.3g, want no more than %.3g, as an average is rounded", worst, limit)
	}
}

// one is a target of its own, with a plan that asks for latencies.
func one() (*scene, *Target) {
	s := newScene()
	targets := s.Update(some(1, nil), s.now)
	s.Plan(PeakEWMA(), targets, s.now)
	return s, targets[0]
}

// busy makes calls to a target, each of which takes a microsecond, and returns
// how many of them were timed, and the longest row of those that were not.
func (s *scene) busy(t *Target, calls int, apart time.Duration) (timed, longest int) {
	row := 0
	for range calls {
		s.now = s.now.Add(apart)
		c := t.StartAt(s.now)
		if row++; c.timed() {
			timed, row = timed+1, 0
		}
		longest = max(longest, row)
		c.DoneAt(s.now.Add(time.Microsecond), nil)
	}
	return timed, longest
}

func TestFewCallsAreTimedAll(t *testing.T) {
	s, target := one()
	if timed, _ := s.busy(target, 5000, latencyTick); timed != 5000 {
		t.Errorf("of 5000 calls, one each tick, %d were timed", timed)
	}
}

func TestOfManyCallsSomeAreTimed(t *testing.T) {
	for _, test := range []struct {
		inATick     int // calls
		least, most int // of a thousand of them, that are timed
	}{
		{2, 700, 1000},
		{8, 180, 420},
		{32, 45, 110},
		{1000, 30, 34},
	} {
		s, target := one()
		s.busy(target, 100*test.inATick, latencyTick/time.Duration(test.inATick)) // settles
		timed, longest := s.busy(target, 1000*test.inATick, latencyTick/time.Duration(test.inATick))
		if share := timed / test.inATick; share < test.least || share > test.most {
			t.Errorf("with %d calls in a tick, %d of a thousand are timed, want %d to %d", test.inATick, share, test.least, test.most)
		}
		if longest > 54 {
			t.Errorf("with %d calls in a tick, %d in a row were not timed", test.inATick, longest)
		}
	}
}

func TestWhenCallsGetFewAllAreTimedAgain(t *testing.T) {
	s, target := one()
	s.busy(target, 10_000, time.Microsecond)
	if _, longest := s.busy(target, 200, latencyMemory/100); longest > 54 {
		t.Errorf("%d in a row were not timed", longest)
	}
	if timed, _ := s.busy(target, 100, latencyMemory/100); timed != 100 {
		t.Errorf("of 100 rare calls %d were timed", timed)
	}
	s.busy(target, 10_000, time.Microsecond)
	s.Plan(PeakEWMA(), []*Target{target}, s.now) // as is made every second
	if c := target.StartAt(s.now); !c.timed() {
		t.Error("after a plan the first call was not timed")
	}
}

func TestARiseShowsAmongManyCalls(t *testing.T) {
	s, target := one()
	s.busy(target, 10_000, time.Microsecond)
	for n := 1; ; n++ {
		s.now = s.now.Add(time.Microsecond)
		target.StartAt(s.now).DoneAt(s.now.Add(50*time.Millisecond), nil)
		if got := time.Duration(target.load.latency.average()); got == 50*time.Millisecond {
			return
		}
		if n > 55 {
			t.Fatalf("after %d calls of 50ms each the average is %s", n, time.Duration(target.load.latency.average()))
		}
	}
}

func TestEveryFailureCounts(t *testing.T) {
	s, target := one()
	s.busy(target, 10_000, time.Microsecond)
	late := target.StartAt(s.now)
	for n := 0; n < 2 && late.timed(); n++ { // no two in a row are
		late = target.StartAt(s.now)
	}
	if late.timed() {
		t.Fatal("all calls are timed")
	}
	late.DoneAt(s.now, errors.New("refused"))
	if got := time.Duration(target.load.latency.average()); got != 2*time.Millisecond {
		t.Errorf("after a failure that was not timed the average is %s, want 2ms", got)
	}
}

// Where of many calls few are timed, instances get what they get where all are.
func TestTimingSomeCallsChoosesAsTimingAll(t *testing.T) {
	takes := []time.Duration{time.Millisecond, time.Millisecond, 2 * time.Millisecond, 8 * time.Millisecond}
	shares := func(all bool) []float64 {
		s := newScene()
		plan := s.plan(PeakEWMA(), some(len(takes), nil))
		p := plan.Picker.(*peakEWMAPicker)
		chance, jitter := evenly(), evenly()
		var pending ends
		counts := make([]float64, len(takes))
		const calls = 200_000
		for range calls {
			s.now = s.now.Add(5 * time.Microsecond)
			for len(pending) > 0 && !pending[0].at.After(s.now) {
				e := heap.Pop(&pending).(end)
				e.call.DoneAt(e.at, nil)
			}
			target := p.choose(Request{}, chance())
			if all {
				target.load.latency.watch()
			}
			n := target.Port - 8000
			counts[n] += 1.0 / calls
			took := takes[n]/2 + time.Duration(jitter()%uint64(takes[n]))
			heap.Push(&pending, end{s.now.Add(took), target.StartAt(s.now)})
		}
		return counts
	}
	all, few := shares(true), shares(false)
	for n := range takes {
		if math.Abs(all[n]-few[n]) > 0.005 {
			t.Errorf("shares of instances that take %v: %.3f where all calls are timed, %.3f where some are", takes, all, few)
			break
		}
	}
}

// end is the end of a call that is to come.
type end struct {
	at   time.Time
	call Call
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(a, b int) bool { return e[a].at.Before(e[b].at) }
func (e ends) Swap(a, b int)      { e[a], e[b] = e[b], e[a] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) }
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
