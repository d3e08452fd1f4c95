package balance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
)

// Feed is what a balancer needs of a [discover.Watcher].
type Feed interface {
	First(ctx context.Context) (discover.Snapshot, error)
	Snapshot() (discover.Snapshot, bool)
	Changed() <-chan struct{}
}

// Balancer chooses among the instances of one service as they come and go. Its
// methods may be called concurrently.
type Balancer struct {
	feed   Feed
	policy Policy

	stop context.CancelFunc
	done chan struct{} // closed when the loop has ended

	picker atomic.Pointer[Picker] // nil while there is nothing to choose from

	mu     sync.Mutex // held while a plan is made
	set    *Set
	closed bool
}

// New returns a balancer over feed. The caller closes it, and feed after it. It
// panics when feed or policy is nil.
func New(feed Feed, policy Policy) *Balancer {
	if feed == nil || policy == nil {
		panic("balance: New needs a feed and a policy, and one of them is nil")
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Balancer{
		feed:   feed,
		policy: policy,
		stop:   stop,
		done:   make(chan struct{}),
		set:    NewSet(),
	}
	changed := feed.Changed() // before the first look, so as to miss nothing
	plan := b.plan()
	go b.run(ctx, changed, plan) // Close stops it and waits
	return b
}

// Pick returns a target for r. It blocks until feed has a first answer or ctx
// ends; from then on it answers at once and does not allocate. The error wraps
// [ErrNoInstance], or [discover.ErrClosed] after Close, or is feed's.
func (b *Balancer) Pick(ctx context.Context, r Request) (*Target, error) {
	if picker := b.picker.Load(); picker != nil {
		return (*picker).Pick(r), nil
	}
	return b.pickLate(ctx, r)
}

// pickLate is Pick where there is nothing to choose from yet, or any more.
func (b *Balancer) pickLate(ctx context.Context, r Request) (*Target, error) {
	if b.isClosed() {
		return nil, errClosed
	}
	s, err := b.feed.First(ctx)
	if err != nil {
		return nil, err
	}
	if len(s.Instances) > 0 { // and the loop has not come to it yet
		if plan := b.plan(); plan.Picker != nil {
			return plan.Picker.Pick(r), nil
		}
		if b.isClosed() { // meanwhile
			return nil, errClosed
		}
	}
	return nil, WhyNone(s)
}

var errClosed = fmt.Errorf("choose an instance: %w", discover.ErrClosed)

func (b *Balancer) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// WhyNone returns an error that wraps [ErrNoInstance] and says why s has none.
// The caller says what was asked for, with [discover.Query.Words].
func WhyNone(s discover.Snapshot) error {
	why := "the registry knows none such"
	if len(s.Unhealthy) > 0 {
		why = fmt.Sprintf("all %d known are out, the first because of %s", len(s.Unhealthy), s.Unhealthy[0].Reason)
	}
	if s.Err != nil {
		why += fmt.Sprintf(" (%s)", s.Err)
	}
	return fmt.Errorf("%w: %s", ErrNoInstance, why)
}

// Close ends the balancer and waits for its loop. It may be called more than
// once.
func (b *Balancer) Close() error {
	b.stop()
	<-b.done
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.picker.Store(nil)
	return nil
}

// replanPause bounds how often what calls tell has a plan made anew.
const replanPause = 20 * time.Millisecond

// run plans whenever it must, until ctx ends.
func (b *Balancer) run(ctx context.Context, changed <-chan struct{}, plan Plan) {
	defer close(b.done)
	for {
		timer := time.NewTimer(time.Until(plan.Again))
		if plan.Again.IsZero() {
			timer.Stop()
		}
		select {
		case <-changed:
			changed = b.feed.Changed()
		case <-timer.C:
		case <-b.set.Stale():
			timer.Reset(replanPause)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		plan = b.plan()
	}
}

// plan takes over what the feed knows, and returns how it is chosen from; the
// empty plan after Close.
func (b *Balancer) plan() Plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return Plan{}
	}
	s, _ := b.feed.Snapshot()
	now := time.Now()
	plan := b.set.Plan(b.policy, b.set.Update(s.Instances, now), now)
	if plan.Picker == nil {
		b.picker.Store(nil)
	} else {
		b.picker.Store(&plan.Picker)
	}
	return plan
}
