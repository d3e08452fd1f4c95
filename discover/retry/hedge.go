package retry

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// Hedger makes calls again that take long (Dean and Barroso, The Tail at Scale,
// 2013), for calls that may be made twice. Its fields must not change in use.
type Hedger struct {
	Delay  func() time.Duration // how long a call may take before another is made, such as [Percentile.Value]; nil means for ever
	Calls  int                  // of one request, in all; 0 means 2
	Budget *Budget              // bounds the calls beyond the first; nil means no bound. Budget.Call is the caller's

	losers sync.WaitGroup
}

// Close waits for the calls that lost. No Hedge may begin after it.
func (h *Hedger) Close() error {
	h.losers.Wait()
	return nil
}

// calls returns how many calls a request may make.
func (h *Hedger) calls() int { return cmp.Or(h.Calls, 2) }

// Hedge makes a call, and another when that takes longer than h.Delay or fails,
// and so on. call gets its number, from 0 on, and must end soon after its
// context. Hedge returns the first result without an error, or else all errors.
// It ends the contexts of the other calls; a result that still comes goes to
// discard, unless nil. The winner's context lives until the caller calls
// release, which is never nil.
func Hedge[T any](ctx context.Context, h *Hedger, call func(ctx context.Context, n int) (T, error), discard func(T)) (result T, release context.CancelFunc, err error) {
	race := race[T]{call: call, ended: make(chan ending[T], max(1, h.calls()))}
	defer race.leave(h, discard)
	race.start(ctx)
	var failures []error
	refused := false // by the budget, which is not asked again but for a failure
	for {
		delay := never
		if !refused {
			delay = h.delay(len(race.cancels))
		}
		won, failure := race.await(ctx, delay)
		if won != nil {
			return won.result, race.release(won.n), nil
		}
		if failure != nil {
			failures = append(failures, failure)
		}
		if ctx.Err() == nil && len(race.cancels) < h.calls() {
			if refused = !h.Budget.Retry(); !refused {
				race.start(ctx)
			}
		}
		if race.running == 0 || ctx.Err() != nil {
			return result, func() {}, errors.Join(failures...)
		}
	}
}

// never is a delay that does not end.
const never = time.Duration(math.MaxInt64)

// delay returns how long to wait before another call is made.
func (h *Hedger) delay(made int) time.Duration {
	if h.Delay == nil || made >= h.calls() {
		return never
	}
	return h.Delay()
}

// race is the calls of one request.
type race[T any] struct {
	call    func(ctx context.Context, n int) (T, error)
	cancels []context.CancelFunc
	running int
	ended   chan ending[T] // has room for all
}

// ending is how one of them ended.
type ending[T any] struct {
	n      int
	result T
	err    error
}

// start makes the next call.
func (r *race[T]) start(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	n := len(r.cancels)
	r.cancels = append(r.cancels, cancel)
	r.running++
	go func() { // ends soon after its context, which leave ends, and whose end leave waits for
		result, err := r.call(ctx, n)
		r.ended <- ending[T]{n, result, err}
	}()
}

// await waits until a call has ended, for a delay at most, and returns either
// the one that won or why one failed, or neither.
func (r *race[T]) await(ctx context.Context, delay time.Duration) (won *ending[T], failure error) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case e := <-r.ended:
		r.running--
		if e.err != nil {
			return nil, e.err
		}
		return &e, nil
	}
}

// release returns what ends the context of the call n, which leave then leaves
// alone.
func (r *race[T]) release(n int) context.CancelFunc {
	cancel := r.cancels[n]
	r.cancels[n] = func() {}
	return cancel
}

// leave ends the calls that are under way, without waiting; the hedger does.
func (r *race[T]) leave(h *Hedger, discard func(T)) {
	for _, cancel := range r.cancels {
		cancel()
	}
	if r.running == 0 {
		return
	}
	h.losers.Go(func() { // ends with the losers; Close waits
		for range r.running {
			if e := <-r.ended; e.err == nil && discard != nil {
				discard(e.result)
			}
		}
	})
}
