package httpdiscover

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/retry"
)

// ErrSlow is the Cause of an attempt that was made because the one before had
// no response yet.
var ErrSlow = errors.New("no response yet")

// ErrSilent is the Cause of a copy of a request, which finds out whether an
// instance still answers nobody. Nobody waits for its response.
var ErrSilent = errors.New("answered nobody lately")

// Hedge says when a request is sent to a second instance while the first one
// has not answered: the response that comes first is the caller's, the other
// attempt is cancelled (Dean and Barroso, The Tail at Scale, 2013). The zero value
// means never.
//
// Only a safe request is (RFC 9110, 9.2.1: GET, HEAD, OPTIONS and TRACE), or one with
// an Idempotency-Key, and it has no body or a GetBody. For both instances may do what
// is asked, and the one that lost may do so late: a PUT that was given up could undo
// the next one. The second attempt counts among Retry.Attempts, is taken from Retry.Budget,
// and is made only where there is another instance. A failure is no answer: then
// the other attempt is waited for.
//
// An attempt that lost is cancelled, and says nothing of its instance but how long it
// took at least: a policy that looks at time, such as [balance.PeakEWMA], sees who loses.
// Two of them, of safe requests, go on where nothing at all was heard of the instance since they began. If
// that stays silent for Retry.Timeout, or else for a second and three times what
// nearly all attempts take, they are cancelled and failures of the instance.
type Hedge struct {
	// Percentile is the share of attempts, below 1 and such as 0.95, whose headers
	// come before a second one is made. The time is that of the service as it is
	// called at present.
	Percentile float64
	// Delay is the time until a second attempt is made. With a Percentile it is
	// the least, and until 32 attempts were seen the time itself, or a second
	// where it is 0.
	Delay time.Duration
}

// settled returns h with its defaults.
func (h Hedge) settled() Hedge {
	h.Percentile, h.Delay = max(0, h.Percentile), max(0, h.Delay)
	return h
}

// pace returns what follows how long attempts take; nil if nobody asks.
func (h Hedge) pace() *retry.Percentile {
	if h.Percentile == 0 {
		return nil
	}
	return retry.NewPercentile(h.Percentile, cmp.Or(h.Delay, time.Second))
}

// hedges reports whether the next attempt may have another beside it, which may arrive
// after the request has ended.
func (t *Transport) hedges(on *sending) bool {
	return (t.cfg.Hedge.Delay > 0 || on.pace != nil) && on.made < t.cfg.Retry.Attempts && (safe(on.request) || keyed(on.request)) && ambiguous.again(on.request)
}

// silence returns for how long an instance may owe an answer before that is a
// failure of it.
func (t *Transport) silence(s *service) time.Duration {
	return cmp.Or(t.cfg.Retry.Timeout, max(leastSilence, s.patience()))
}

// delay returns how long an attempt has before another one is made.
func (t *Transport) delay(s *service) time.Duration {
	if s.pace == nil {
		return t.cfg.Hedge.Delay
	}
	return max(t.cfg.Hedge.Delay, s.pace.Value())
}

var (
	// errLost is why the context of an attempt ended that another one came before.
	errLost = errors.New("another attempt was answered before")
	// errUnanswered is why that of one did that was never answered, and its failure.
	errUnanswered = errors.New("another attempt was answered long before")
)

// racer is one of the attempts of a race. The methods of a nil *racer say that it
// is none.
type racer struct {
	pool   *pool
	safe   bool // it may be answered late
	copied bool // nobody waits for it from the beginning
	began  time.Time
	cancel context.CancelCauseFunc
	free   func() bool // of the caller's context, unless that has ended
	lost   atomic.Bool
	ended  chan result // has room for its one result
}

// hasLost reports whether another attempt was answered before.
func (one *racer) hasLost() bool { return one != nil && one.lost.Load() }

// unanswered reports whether its context ended because it was never answered.
func (one *racer) unanswered(ctx context.Context) bool {
	return one != nil && context.Cause(ctx) == errUnanswered
}

// end ends its context.
func (one *racer) end() { one.free(); one.cancel(nil) }

// outliving is a context that does not end with the caller's, and says when that
// does.
type outliving struct {
	context.Context
	callers context.Context
}

// Deadline implements [context.Context].
func (o outliving) Deadline() (time.Time, bool) { return o.callers.Deadline() }

// start makes an attempt aside.
func (t *Transport) start(on *sending, target *balance.Target, number int, cause error) *racer {
	// One that lost may go on after the caller's context has ended, and look at its
	// request after the caller has it back.
	callers := on.request.Context()
	ctx, cancel := context.WithCancelCause(outliving{context.WithoutCancel(callers), callers})
	r := on.request.Clone(callers)
	one := &racer{pool: on.poolOf(target), safe: safe(r), copied: number == 0, began: time.Now(), cancel: cancel, ended: make(chan result, 1)}
	one.free = context.AfterFunc(callers, func() { cancel(context.Cause(callers)) })
	s, body := on.service, on.body
	go func() { // ends soon after its context, which the race ends; see lose for who waits
		one.ended <- t.try(ctx, s, r, body, target, number, cause, one)
	}()
	return one
}

// race makes an attempt at target and, when that takes long, one at another
// instance. It returns the first response to be content with, or else the last
// result, whose context lives until it ends.
func (t *Transport) race(on *sending, target *balance.Target) result {
	first := t.start(on, target, on.made, on.cause)
	timer := time.NewTimer(t.delay(on.service))
	defer timer.Stop()
	select {
	case got := <-first.ended:
		return got.keep(on, first)
	case <-timer.C:
	}
	other, ok := t.other(on, target)
	if !ok {
		return (<-first.ended).keep(on, first)
	}
	on.made++
	on.cause = ErrSlow
	on.wish.Tried = append(on.wish.Tried, other)
	second := t.start(on, other, on.made, on.cause)
	var got result
	winner, loser := first, second
	select {
	case got = <-first.ended:
	case got = <-second.ended:
		winner, loser = second, first
	}
	if (got.err != nil || got.outcome != final) && on.request.Context().Err() == nil {
		got.discard()
		winner.end()
		return (<-loser.ended).keep(on, loser)
	}
	on.lose(loser, t.silence(on.service))
	return got.keep(on, winner)
}

// other returns another instance than target, if there is one and the budget
// allows to send the request there too.
func (t *Transport) other(on *sending, target *balance.Target) (*balance.Target, bool) {
	on.wish.Tried = append(on.wish.Tried, target)
	other, err := on.choose(on.request.Context(), false)
	if err != nil || contains(on.wish.Tried, other) {
		return nil, false
	}
	return other, on.budget.Retry()
}

// keep makes the result of a racer the request's. The racer's context ends with it.
func (got result) keep(on *sending, one *racer) result {
	if got.response != nil {
		got.response.Request = on.request
	}
	if got.open == nil {
		one.end()
		return got
	}
	if limit := got.open.cancel; limit != nil {
		got.open.cancel = func() { limit(); one.end() }
	} else {
		got.open.cancel = one.end
	}
	return got
}

// lose ends an attempt that nobody waits for any more. It does not block: the
// attempt is over soon, and who closes the service waits for it, unless that has been closed
// under the request.
//
// Whether its instance is slow or hangs cannot be told yet. So as many go on as
// it takes to tell, where nothing at all was heard of the instance since they began,
// until that has been silent for a time that is no slowness any more.
func (s *service) lose(one *racer, silence time.Duration) {
	end := func() { (<-one.ended).discard() }
	if one.free() {
		one.lost.Store(true)
		switch {
		case one.copied:
			end = func() { s.linger(one, silence) }
		case one.safe && !one.pool.silence.broken(one.began) && one.pool.linger():
			end = func() {
				defer one.pool.lingering.Add(-1)
				s.linger(one, silence)
			}
		default:
			one.cancel(errLost)
		}
	}
	if !s.aside(end) { // ends soon, or with the service's context, which close ends before it waits
		go end() // as the request itself, which Close does not wait for either
	}
}

// sound finds out whether an instance that was silent still is, and returns where the
// request goes: to target, and a copy of it to that instance, which is an attempt that
// has lost from the beginning. Where the budget has no room it goes to that itself.
func (t *Transport) sound(on *sending, target *balance.Target) *balance.Target {
	silent := on.silent
	on.silent = nil
	if silent == nil || silent == target || !on.budget.Retry() {
		return cmp.Or(silent, target)
	}
	on.lose(t.start(on, silent, 0, ErrSilent), t.silence(on.service))
	return target
}

// linger waits for an attempt that lost, and ends it when its instance has been
// silent for so long.
func (s *service) linger(one *racer, silence time.Duration) {
	timer := time.NewTimer(time.Until(one.began.Add(silence)))
	defer timer.Stop()
	select {
	case got := <-one.ended:
		got.discard()
		one.cancel(nil)
		return
	case <-timer.C:
		if !one.pool.silence.broken(one.began) {
			one.cancel(errUnanswered)
		}
	case <-s.ctx.Done():
	}
	one.cancel(errLost) // if it was not before
	(<-one.ended).discard()
}
