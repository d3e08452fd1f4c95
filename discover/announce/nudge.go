package announce

import (
	"context"
	"sync"
)

// nudge lets one goroutine end another's waiting with a reason.
type nudge struct {
	mu     sync.Mutex
	reason error                   // given while nobody waited
	end    context.CancelCauseFunc // of who waits; nil while nobody does
}

// give ends the wait that is under way, or else the next one, with reason.
func (n *nudge) give(reason error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.end != nil {
		n.end(reason)
		return
	}
	n.reason = reason
}

// forget takes back what was given while nobody waited.
func (n *nudge) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reason = nil
}

// during calls wait with a context that a nudge ends, and returns the nudge's
// reason then.
func (n *nudge) during(ctx context.Context, wait func(context.Context) error) error {
	waiting, end := context.WithCancelCause(ctx)
	defer end(nil)
	n.mu.Lock()
	if reason := n.reason; reason != nil {
		n.reason = nil
		n.mu.Unlock()
		return reason
	}
	n.end = end
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.end = nil
	}()
	err := wait(waiting)
	if waiting.Err() != nil && ctx.Err() == nil {
		return context.Cause(waiting)
	}
	return err
}
