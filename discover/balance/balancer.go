package balance

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
)

// Feed is where a balancer has its instances from: a [discover.Watcher].
type Feed interface {
	// First returns the latest answer, and waits for it while there is none.
	First(ctx context.Context) (discover.Snapshot, error)
	// Snapshot returns the latest answer, and whether there is one.
	Snapshot() (discover.Snapshot, bool)
	// Changed returns a channel that is closed when Snapshot's contents change.
	Changed() <-chan struct{}
}

// Balancer chooses among the instances of one service, as they come and go.
// Its methods may be called concurrently.
type Balancer struct {
	feed   Feed
	policy Policy

	stop context.CancelFunc
	done chan struct{} // closed when the loop has ended

	picker atomic.Pointer[Picker] // nil while there is nothing to choose from
	failed chan struct{}          // holds one word that a call failed

	mu      sync.Mutex // held while a plan is made
	loads   map[identity]*load
	targets []*Target // those of the latest plan
}

// New returns a balancer over what feed knows. The caller closes it, and feed
// after it.
func New(feed Feed, policy Policy) *Balancer {
	ctx, stop := context.WithCancel(context.Background())
	b := &Balancer{
		feed:   feed,
		policy: policy,
		stop:   stop,
		done:   make(chan struct{}),
		failed: make(chan struct{}, 1),
		loads:  make(map[identity]*load),
	}
	changed := feed.Changed() // before the first look, so as to miss nothing
	plan := b.plan()
	go b.run(ctx, changed, plan) // Close stops it and waits
	return b
}

// Pick returns a target for r. It blocks only until the registry has given
// its first answer or ctx ends; from then on it answers at once, from memory,
// and does not allocate. The error wraps [ErrNoInstance], or the feed's when
// there was no answer.
func (b *Balancer) Pick(ctx context.Context, r Request) (*Target, error) {
	if picker := b.picker.Load(); picker != nil {
		if target := (*picker).Pick(r); target != nil {
			return target, nil
		}
	}
	return b.pickLate(ctx, r)
}

// pickLate is Pick where there is nothing to choose from yet, or any more.
func (b *Balancer) pickLate(ctx context.Context, r Request) (*Target, error) {
	s, err := b.feed.First(ctx)
	if err != nil {
		return nil, err
	}
	if len(s.Instances) > 0 { // and the loop has not come to it yet
		if plan := b.plan(); plan.Picker != nil {
			if target := plan.Picker.Pick(r); target != nil {
				return target, nil
			}
		}
	}
	return nil, none(s)
}

// none says why there is nothing to choose in s.
func none(s discover.Snapshot) error {
	switch {
	case len(s.Unhealthy) > 0:
		return fmt.Errorf("%w: all %d known are out, the first because of %s", ErrNoInstance, len(s.Unhealthy), s.Unhealthy[0].Reason)
	default:
		return fmt.Errorf("%w: the registry knows none", ErrNoInstance)
	}
}

// Close ends the balancer and waits for its loop. The feed stays open.
func (b *Balancer) Close() error {
	b.stop()
	<-b.done
	return nil
}

// replanPause bounds how often failing calls have a plan made anew.
const replanPause = 20 * time.Millisecond

// run plans whenever it must, until ctx ends.
func (b *Balancer) run(ctx context.Context, changed <-chan struct{}, plan Plan) {
	defer close(b.done)
	for {
		var failed <-chan struct{}
		if plan.Failures {
			failed = b.failed
		}
		timer := time.NewTimer(time.Until(plan.Again))
		if plan.Again.IsZero() {
			timer.Stop()
		}
		select {
		case <-changed:
			changed = b.feed.Changed()
		case <-timer.C:
		case <-failed:
			pause := time.NewTimer(replanPause)
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
			pause.Stop()
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		plan = b.plan()
	}
}

// plan takes over what the feed knows, and returns how it is chosen from.
func (b *Balancer) plan() Plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, _ := b.feed.Snapshot()
	b.update(s.Instances)
	if len(b.targets) == 0 {
		b.picker.Store(nil)
		return Plan{}
	}
	plan := b.policy.Plan(b.targets, time.Now())
	b.picker.Store(&plan.Picker)
	return plan
}

// update makes targets of instances. Those that stay what they were stay the
// same targets; what is gone is forgotten. The caller holds mu.
func (b *Balancer) update(instances []discover.Instance) {
	old := make(map[identity]*Target, len(b.targets))
	for _, t := range b.targets {
		old[identityOf(t.Instance)] = t
	}
	b.targets = make([]*Target, len(instances))
	loads := make(map[identity]*load, len(instances))
	for n, i := range instances {
		id := identityOf(i)
		l := b.loads[id]
		if l == nil {
			l = &load{failed: b.noteFailure}
		}
		loads[id] = l
		if t := old[id]; t != nil && reflect.DeepEqual(t.Instance, i) {
			b.targets[n] = t
		} else {
			b.targets[n] = &Target{i, l}
		}
	}
	b.loads = loads
}

// noteFailure tells the loop that a call failed. It does not block.
func (b *Balancer) noteFailure() {
	select {
	case b.failed <- struct{}{}:
	default:
	}
}
