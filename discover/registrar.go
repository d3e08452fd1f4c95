package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// RegistrarConfig holds what a Registrar can do without; the zero value
// works.
type RegistrarConfig struct {
	// Logger is told when the announcement is lost, altered, out of sight
	// and true again, once each. Nil means silence.
	Logger *slog.Logger
	// OnHeal is called after each time that the registration was put back,
	// with what had been wrong: an error that wraps ErrNotRegistered or
	// ErrAltered. It must return soon, and not call Withdraw, which waits
	// for it. Nil means that nobody is called.
	OnHeal func(cause error)
}

// Registrar announces an instance, keeps the announcement true and withdraws
// it. A registration is a wish rather than a call: the registrar watches what
// the registry holds, and puts it back when the registry lost it, when
// somebody deregistered it and when somebody altered it.
// Its methods may be called concurrently.
type Registrar struct {
	registry     Registry
	registration Registration
	logger       *slog.Logger
	onHeal       func(error)
	healed       atomic.Uint64

	mu   sync.Mutex         // held by Announce and Withdraw throughout
	stop context.CancelFunc // ends the keeper; nil while none is to run
	done chan struct{}      // closed when the latest keeper has ended
}

// NewRegistrar returns a registrar of r in reg. Nothing is sent before
// Announce.
func NewRegistrar(reg Registry, r Registration, cfg RegistrarConfig) *Registrar {
	return &Registrar{
		registry:     reg,
		registration: r,
		logger:       loggerOrSilence(cfg.Logger).With("id", r.ID),
		onHeal:       cfg.OnHeal,
	}
}

// Announce registers the instance, which must be listening by then, and keeps
// the registration true until Withdraw. It does nothing if the instance is
// announced already. The error wraps ErrInvalid or the registry's; nothing is
// kept then. When a failed call may have arrived nevertheless, as after a
// time-out, Withdraw makes sure that it leaves nothing behind.
func (r *Registrar) Announce(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		return nil
	}
	if err := r.announce(ctx); err != nil {
		return fmt.Errorf("announce %q: %w", r.registration.ID, err)
	}
	// The keeper must know our definition before somebody alters it. If this
	// fails, it asks again.
	k := newKeeper()
	_ = r.compare(ctx, k)
	// The keeper outlives ctx: Withdraw stops it and waits.
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	r.stop, r.done = stop, done
	go func() {
		defer close(done)
		r.keep(keeping, k)
	}()
	return nil
}

func (r *Registrar) announce(ctx context.Context) error {
	if err := r.registration.Validate(); err != nil {
		return err
	}
	if err := r.awaitKeeper(ctx); err != nil {
		return err
	}
	return r.registry.Register(ctx, r.registration)
}

// Withdraw ends the keeping, waits for it and deregisters the instance, again
// and again until the registry takes it or ctx ends: a registry that is just
// restarting must not keep an instance that is gone. Give it a bounded ctx.
// When it returns nil, the registry does not hold the registration and nothing of
// this registrar will put it back. It may be called at any time, and again
// after an error: nothing is kept after the first call.
func (r *Registrar) Withdraw(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
	if err := r.awaitKeeper(ctx); err != nil {
		return fmt.Errorf("withdraw %q: %w", r.registration.ID, err)
	}
	for retry := (backoff{first: firstDelay, last: lastDelay}); ; {
		err := r.registry.Deregister(ctx, r.registration.ID)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrInvalid) || sleep(ctx, retry.after(err)) != nil {
			return fmt.Errorf("withdraw %q: %w", r.registration.ID, err)
		}
	}
}

// awaitKeeper waits until a keeper that was stopped has ended.
func (r *Registrar) awaitKeeper(ctx context.Context) error {
	if r.done == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Healed returns how often the registration was put back.
func (r *Registrar) Healed() uint64 { return r.healed.Load() }
