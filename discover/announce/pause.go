package announce

import (
	"context"
	"fmt"

	"github.com/realjf/muster/discover"
)

// Pause puts the announced instance into maintenance until Withdraw, and says
// why: it stays registered, and gets no traffic. The error wraps ErrInvalid if
// the registry has no maintenance, ErrNotRegistered if the instance is not
// announced, or is the registry's.
func (r *Registrar) Pause(ctx context.Context, reason string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	registry, ok := r.registry.(maintainer)
	switch now := r.Standing(); {
	case !ok:
		return fmt.Errorf("pause %q: %w registry: it has no maintenance", r.registration.ID, discover.ErrInvalid)
	case r.stop == nil:
		return fmt.Errorf("pause %q: %w: it stands %s", r.registration.ID, ErrNotRegistered, now)
	}
	r.paused.Store(&reason) // before, so that what is put back in between is paused
	if err := registry.Maintain(ctx, r.registration.ID, reason); err != nil {
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
	registry, ok := r.registry.(maintainer)
	if !ok {
		return nil
	}
	return registry.Maintain(ctx, r.registration.ID, *reason)
}
