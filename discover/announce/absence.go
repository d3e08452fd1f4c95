package announce

import (
	"context"
	"fmt"
	"slices"

	"github.com/realjf/muster/discover"
)

// AwaitAbsence blocks until a reader of src no longer sees the instance id
// among the answers to q, over failed attempts. The error wraps ErrInvalid, or
// is ctx's.
func AwaitAbsence(ctx context.Context, src discover.Source, q discover.Query, id string) error {
	return awaitAnswer(ctx, src, q, id, func(s discover.Snapshot) bool { return !seen(s.Instances, id) && !seen(s.Unhealthy, id) })
}

// awaitPause is AwaitAbsence for an instance in maintenance: it is still seen, and
// not among the healthy ones.
func awaitPause(ctx context.Context, src discover.Source, q discover.Query, id string) error {
	return awaitAnswer(ctx, src, q, id, func(s discover.Snapshot) bool { return !seen(s.Instances, id) })
}

// awaitAnswer returns when a reader of src has an answer to q without id, as
// without says.
func awaitAnswer(ctx context.Context, src discover.Source, q discover.Query, id string, without func(discover.Snapshot) bool) error {
	if err := q.Validate(); err != nil {
		return fmt.Errorf("await absence of %q: %w", id, err)
	}
	w := discover.Watch(src, q, discover.WatchConfig{}) // its first answer is later than this call
	defer w.Close()
	for {
		changed := w.Changed()
		s, ok := w.Snapshot()
		if ok && without(s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if s, _ := w.Snapshot(); s.Err != nil {
				return fmt.Errorf("await absence of %q: %w: %w", id, context.Cause(ctx), s.Err)
			}
			return fmt.Errorf("await absence of %q: %w", id, context.Cause(ctx))
		}
	}
}

// seen reports whether an instance with the given id is among all.
func seen(all []discover.Instance, id string) bool {
	return slices.ContainsFunc(all, func(i discover.Instance) bool { return i.ID == id })
}
