package announce

import (
	"context"
	"fmt"

	"github.com/realjf/muster/discover"
)

// Pause puts the announced instance into maintenance, with the reason why: it
// stays registered, for all to see, and nobody is sent to it any more. A
// registration that is put back meanwhile is paused again. Withdraw ends it. The error
// wraps ErrInvalid where the registry has no maintenance, ErrNotRegistered where
// the instance is not announced, or is the registry's.
func (r *Registrar) Pause(ctx context.Context, reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	maintainer, ok := r.registry.(Maintainer)
	switch now := r.Standing(); {
	case !ok:
		return fmt.Errorf("pause %q: %w registry: it has no maintenance", r.registration.ID, discover.ErrInvalid)
	case r.stop == nil:
		return fmt.Errorf("pause %q: %w: it stands %s", r.registration.ID, ErrNotRegistered, now)
	}
	r.paused.Store(&reason) // before, so that what is put back in between is paused
	if err := maintainer.Maintain(ctx, r.registration.ID, reason); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return nil
}

// pauseAgain puts what was registered anew into maintenance, if it was in it.
func (r *Registrar) pauseAgain(ctx context.Context) error {
	reason := r.paused.Load()
	if reason == nil {
		return nil
	}
	maintainer, ok := r.registry.(Maintainer)
	if !ok {
		return nil
	}
	return maintainer.Maintain(ctx, r.registration.ID, *reason)
}
