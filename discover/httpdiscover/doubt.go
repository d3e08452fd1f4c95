package httpdiscover

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover/balance"
)

// doubt is whether an instance takes connections. It is in doubt once one of its
// connections was lost or one could not be made, until it takes one, as gRPC has
// it with subchannels: a process that dies loses its connections at that moment,
// long before a registry knows, while one that only closes what is idle takes the
// next one. Its methods may be called concurrently.
type doubt struct {
	signs    atomic.Uint64 // how many there were
	settled  atomic.Uint64 // of these, before a connection came about
	checking atomic.Bool   // somebody finds out
}

// raise says that there is a sign that it does not.
func (d *doubt) raise() { d.signs.Add(1) }

// raised reports whether there is a sign that nothing has spoken against.
func (d *doubt) raised() bool { return d.signs.Load() != d.settled.Load() }

// settle says that it took a connection, which was begun when there were so many
// signs. Those that came later stay, and those that another one settled are settled.
func (d *doubt) settle(signs uint64) {
	for settled := d.settled.Load(); settled < signs && !d.settled.CompareAndSwap(settled, signs); {
		settled = d.settled.Load()
	}
}

const (
	// looks is how many instances a request looks at for one that is not in doubt:
	// not at all of them, so that the last ones without doubt are not overrun.
	looks = 4
	// checkTime bounds one look whether an instance takes connections.
	checkTime = 5 * time.Second
	// firstRest is how long is waited after an instance took none, twice as long
	// each time up to mostRest: it is back after no more than the time again that
	// it was away.
	firstRest = 250 * time.Millisecond
	mostRest  = 8 * time.Second
)

// choose returns the instance that the request goes to next: the one that the
// balancer picks, unless it is in doubt and there is another. Then somebody else
// finds out about it. Where all are in doubt the request itself does. It can find out
// whether one is silent, unless it is in a hurry already.
func (on *sending) choose(ctx context.Context, can bool) (*balance.Target, error) {
	target, err := on.balancer.Pick(ctx, on.wish)
	if err != nil || !on.doubts(target, can) {
		return target, err
	}
	wish, passed := on.wish, target
	wish.Tried = append(make([]*balance.Target, 0, len(wish.Tried)+looks), wish.Tried...)
	for range looks - 1 {
		wish.Tried = append(wish.Tried, passed)
		other, err := on.balancer.Pick(ctx, wish)
		if err != nil || contains(wish.Tried, other) {
			break
		}
		if !on.doubts(other, can) {
			if p := on.poolOf(target); p.doubt.raised() {
				on.check(p, target)
			}
			return other, nil
		}
		passed = other
	}
	return target, nil
}

// doubts reports whether an instance is in doubt, because of its connections or of
// its silence. When it is time, whether it still is silent is found out by a copy of
// this request, if there may be one, or else by the request itself.
func (on *sending) doubts(target *balance.Target, can bool) bool {
	p := on.poolOf(target)
	if p.doubt.raised() {
		return true
	}
	silent, due := p.silence.look(time.Now(), on.patience(), can && on.silent == nil)
	if due && !on.copies {
		return false
	}
	if due {
		on.silent = target
	}
	return silent
}

// poolOf returns the connections to an instance, for this request.
func (on *sending) poolOf(target *balance.Target) *pool {
	return on.pool(target, on.request.URL.Scheme, on.request.URL.Hostname())
}

// check finds out, aside, whether an instance in doubt takes connections. While
// it does not, that is a failure of it, and looked at again; when it does, it is
// in doubt no more, unless there were signs meanwhile. There is one check of an instance at a time, and none without
// a sign since the last one.
func (s *service) check(p *pool, target *balance.Target) {
	if !p.doubt.checking.CompareAndSwap(false, true) {
		return
	}
	begun := s.aside(func() { // ends with the service's context, or when it takes one; close waits
		defer p.doubt.checking.Store(false)
		for rest := firstRest; ; rest = min(2*rest, mostRest) {
			err := p.reach(s.ctx)
			if err == nil && !p.doubt.raised() {
				target.Reached()
				return
			}
			if s.ctx.Err() != nil || p.retired.Load() {
				return
			}
			if err != nil {
				target.Start().Done(fmt.Errorf("%w: %w", balance.ErrUnreachable, err))
			}
			if sleep(s.ctx, rest/2+rand.N(rest/2)) != nil {
				return
			}
		}
	})
	if !begun {
		p.doubt.checking.Store(false)
	}
}
