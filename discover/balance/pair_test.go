package balance

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
)

// Calls that end as late as they can: the more a target has, the less it gets.
func TestLeastRequestEvensOutCallsUnderWay(t *testing.T) {
	s := newScene()
	plan := s.plan(LeastRequest(), some(10, func(i int, instance *discover.Instance) { instance.Weights.Passing = 1 + i%2 }))
	p := plan.Picker.(*leastRequestPicker)
	chance := evenly()
	const calls = 1500
	for range calls {
		p.choose(Request{}, chance()).Start()
	}
	for _, slot := range p.slots {
		within(t, "calls under way for the weight", float64(slot.target.Running())/slot.weight, calls/10, 0.05)
	}
}

func TestLeastRequestAvoidsTheBusyOne(t *testing.T) {
	s := newScene()
	p := s.plan(LeastRequest(), some(4, nil)).Picker.(*leastRequestPicker)
	for range 1000 {
		p.slots[2].target.Start()
	}
	for chance, n := evenly(), 0; n < 10_000; n++ {
		if target := p.choose(Request{}, chance()); target.ID == "2" {
			t.Fatal("one with a thousand calls under way was chosen before one with none")
		}
	}
}

func TestIdleTargetsGetTheirShares(t *testing.T) {
	for name, policy := range map[string]Policy{"least_request": LeastRequest(), "peak_ewma": PeakEWMA()} {
		plan := newScene().plan(policy, some(5, func(i int, instance *discover.Instance) { instance.Weights.Passing = 1 + 3*i }))
		choose := plan.Picker.(interface{ choose(Request, uint64) *Target }).choose
		count := make([]float64, 5)
		const picks = 70_000
		for chance, n := evenly(), 0; n < picks; n++ {
			count[choose(Request{}, chance()).Port-8000]++
		}
		for i, got := range count {
			within(t, name, got, picks*float64(1+3*i)/35, 0.03)
		}
	}
}

func TestPeakEWMAFollowsARiseAtOnceAndAFallSlowly(t *testing.T) {
	var l latency
	now := time.Minute
	if first := l.observe(10*time.Millisecond, now, false); !first {
		t.Error("the first observation was not told")
	}
	l.observe(time.Second, now, false)
	if got := time.Duration(l.average()); got != time.Second {
		t.Errorf("after a call of 1s the average is %s", got)
	}
	now += latencyMemory
	l.observe(10*time.Millisecond, now, false)
	if got, want := time.Duration(l.average()), 374*time.Millisecond; (got - want).Abs() > time.Millisecond {
		t.Errorf("ten seconds later, and one of 10ms: got %s, want %s", got, want)
	}
	before := time.Duration(l.average())
	l.observe(time.Microsecond, now, true)
	if got := time.Duration(l.average()); got != 2*before {
		t.Errorf("after one that failed fast: got %s, want twice %s", time.Duration(got), before)
	}
	for range 100 {
		l.observe(time.Microsecond, now, true)
	}
	if got := time.Duration(l.average()).Round(time.Millisecond); got != latencyLimit {
		t.Errorf("after a hundred more: got %s, want no more than %s", got, latencyLimit)
	}
	if known := l.rest(now + 10*time.Minute); known || time.Duration(l.average()) != 0 {
		t.Error("ten minutes later it is still known")
	}
}

func TestOfFasterCallsWithinATickTheFirstCounts(t *testing.T) {
	var l latency
	l.observe(time.Second, 0, false)
	now := 1000 * latencyTick
	l.observe(time.Millisecond, now, false)
	once := l.average()
	for range 100 {
		l.observe(time.Millisecond, now+latencyTick-1, false)
	}
	if got := l.average(); got != once {
		t.Errorf("a hundred more made %s of %s", time.Duration(got), time.Duration(once))
	}
	if l.observe(2*time.Second, now, false); time.Duration(l.average()) != 2*time.Second {
		t.Errorf("one of 2s in the same tick made %s", time.Duration(l.average()))
	}
	l.observe(time.Millisecond, now-5*latencyTick, false) // somebody was here with a later time
	if got := time.Duration(l.average()); got != 2*time.Second {
		t.Errorf("one that ended earlier made %s of 2s", got)
	}
	const turnOfTicks = latencyTick << 32
	l.observe(2*time.Second, turnOfTicks-1, false)
	l.observe(time.Millisecond, turnOfTicks+latencyMemory-1, false)
	if got, want := time.Duration(l.average()), 736*time.Millisecond; (got - want).Abs() > time.Millisecond {
		t.Errorf("over the turn of the ticks: got %s, want %s", got, want)
	}
}

func TestATimeThatIsHandedInIsTaken(t *testing.T) {
	s := newScene()
	targets := s.Update(some(2, nil), s.now)
	s.Plan(PeakEWMA(), targets, s.now)
	call := targets[0].StartAt(s.now.Add(time.Second))
	call.DoneAt(s.now.Add(3*time.Second), nil)
	if got := time.Duration(targets[0].load.latency.average()); got != 2*time.Second || targets[0].Running() != 0 {
		t.Errorf("a call of 2s was taken for one of %s, %d are under way", got, targets[0].Running())
	}
	s.Plan(LeastRequest(), targets, s.now)
	targets[1].StartAt(s.now).DoneAt(s.now.Add(time.Second), nil)
	if got := targets[1].load.latency.average(); got != 0 || targets[1].Running() != 0 {
		t.Errorf("a policy that asks for no latency was told %v, %d are under way", got, targets[1].Running())
	}
}

func TestPeakEWMAPrefersTheFastOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{NewSet(), time.Now()}
		all := some(4, nil)
		plan := s.plan(PeakEWMA(), all)
		if !plan.Again.IsZero() {
			t.Error("it plans again though nothing is known")
		}
		chance := evenly()
		call := func() string {
			target := plan.Picker.(*peakEWMAPicker).choose(Request{}, chance())
			c := target.Start()
			if target.ID == "0" {
				time.Sleep(500 * time.Millisecond)
			} else {
				time.Sleep(5 * time.Millisecond)
			}
			c.Done(nil)
			return target.ID
		}
		for range 20 {
			call()
		}
		select {
		case <-s.Stale():
		default:
			t.Error("nobody was told that something is known now")
		}
		s.now = time.Now()
		if plan = s.plan(PeakEWMA(), all); plan.Again != s.now.Add(latencyRest) {
			t.Errorf("it plans again at %s, want in %s", plan.Again, latencyRest)
		}
		for range 500 { // 2.5 s: its average is still near half a second
			if call() == "0" {
				t.Fatal("the slow one was chosen again at once")
			}
		}
		for range 200 { // a second each
			time.Sleep(latencyRest)
			s.now = time.Now()
			plan = s.plan(PeakEWMA(), all)
			for range 10 {
				if call() == "0" {
					return // it was given another chance
				}
			}
		}
		t.Error("the slow one was not chosen again in 200s")
	})
}

// A target that never answers is not taken for a fast one.
func TestPeakEWMAAwaitsTheFirstAnswer(t *testing.T) {
	s := newScene()
	p := s.plan(PeakEWMA(), some(2, nil)).Picker.(*peakEWMAPicker)
	p.slots[0].load.latency.observe(50*time.Millisecond, 0, false)
	p.slots[1].target.Start() // and nothing comes back
	for chance, n := evenly(), 0; n < 1000; n++ {
		if target := p.choose(Request{}, chance()); target.ID == "1" {
			t.Fatal("a second call went to one that has not answered the first")
		}
	}
}

func TestPeakEWMAAvoidsWhoFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{NewSet(), time.Now()}
		plan := s.plan(PeakEWMA(), some(5, nil))
		chance := evenly()
		failed := 0
		const calls = 2000
		for range calls {
			target := plan.Picker.(*peakEWMAPicker).choose(Request{}, chance())
			c := target.Start()
			if target.ID == "3" {
				failed++
				c.Done(errors.New("refused"))
				continue
			}
			time.Sleep(5 * time.Millisecond)
			c.Done(nil)
		}
		if failed > calls/100 {
			t.Errorf("%d of %d calls went to one that refuses at once", failed, calls)
		}
	})
}
