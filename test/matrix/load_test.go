package matrix

import (
	"sync"
	"sync/atomic"
	"time"
)

// tally is what became of the requests of one caller.
type tally struct {
	sent  int
	first int // succeeded with the first attempt
	last  int // succeeded
}

func (t tally) share(of int) float64 { return 100 * float64(of) / float64(t.sent) }

// add returns the tallies of two rounds together; a may be nil.
func add(a, b []tally) []tally {
	if a == nil {
		return b
	}
	for n := range a {
		a[n].sent, a[n].first, a[n].last = a[n].sent+b[n].sent, a[n].first+b[n].first, a[n].last+b[n].last
	}
	return a
}

// scriptRun is what happens beside the requests, in the order of time.
type scriptRun struct {
	steps []step
}

type step struct {
	at time.Duration
	do func()
}

func (s *scriptRun) at(when time.Duration, do func()) { s.steps = append(s.steps, step{when, do}) }

// load has each caller send requests at a rate, whether or not those before are
// answered, until the scene ends, and plays the script meanwhile. It returns
// when all are answered.
func (s *scene) load(callers []caller, rate int, script *scriptRun) []tally {
	began := time.Now()
	sleepUntil := func(after time.Duration) { time.Sleep(time.Until(began.Add(after))) }
	var first, last = make([]atomic.Int64, len(callers)), make([]atomic.Int64, len(callers))
	var all sync.WaitGroup
	all.Go(func() { // ends with the script; awaited below
		for _, step := range script.steps {
			sleepUntil(step.at)
			step.do()
		}
	})
	requests := int(ends * time.Duration(rate) / time.Second)
	for n := range requests {
		sleepUntil(time.Duration(n) * time.Second / time.Duration(rate))
		for c, caller := range callers {
			all.Go(func() { // ends with the request, which is bounded; awaited below
				ok, in := s.call(caller)
				if ok {
					first[c].Add(1)
				}
				if in {
					last[c].Add(1)
				}
			})
		}
	}
	all.Wait()
	tallies := make([]tally, len(callers))
	for c := range callers {
		tallies[c] = tally{requests, int(first[c].Load()), int(last[c].Load())}
	}
	return tallies
}
