package matrix

import (
	"sync"
	"time"
)

// tally is what became of the requests of one caller.
type tally struct {
	sent  int
	first int // succeeded with the first attempt
	last  int // succeeded

	inFlight int           // did not with the first attempt, which nobody could save
	slowest  time.Duration // of all
}

// note takes over what became of a request.
func (t *tally) note(f fate, took time.Duration) {
	t.sent++
	t.slowest = max(t.slowest, took)
	if f.first {
		t.first++
	}
	if f.last {
		t.last++
	}
	if f.inFlight {
		t.inFlight++
	}
}

func (t tally) share(of int) float64 { return 100 * float64(of) / float64(t.sent) }

// add returns the tallies of two rounds together; a may be nil.
func add(a, b []tally) []tally {
	if a == nil {
		return b
	}
	for n := range a {
		a[n].sent, a[n].first, a[n].last = a[n].sent+b[n].sent, a[n].first+b[n].first, a[n].last+b[n].last
		a[n].inFlight, a[n].slowest = a[n].inFlight+b[n].inFlight, max(a[n].slowest, b[n].slowest)
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

// load has each caller send requests at its rate, whether or not those before are
// answered, until the scene ends, and plays the script meanwhile. It returns
// when all are answered.
func (s *scene) load(callers []caller, rates []int, script *scriptRun) []tally {
	began := time.Now()
	sleepUntil := func(after time.Duration) { time.Sleep(time.Until(began.Add(after))) }
	var all sync.WaitGroup
	all.Go(func() { // ends with the script; awaited below
		for _, step := range script.steps {
			sleepUntil(step.at)
			step.do()
		}
	})
	var mu sync.Mutex
	tallies := make([]tally, len(callers))
	for c, caller := range callers {
		all.Go(func() { // ends with the scene; awaited below
			for n := range int(ends * time.Duration(rates[c]) / time.Second) {
				sleepUntil(time.Duration(n) * time.Second / time.Duration(rates[c]))
				all.Go(func() { // ends with the request, which is bounded; awaited below
					sent := time.Now()
					became := s.call(caller)
					took := time.Since(sent)
					mu.Lock()
					defer mu.Unlock()
					tallies[c].note(became, took)
				})
			}
		})
	}
	all.Wait()
	return tallies
}
