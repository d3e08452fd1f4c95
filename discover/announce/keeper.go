package announce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/refusal"
)

// keeper is what a Registrar's background loop remembers between its steps.
type keeper struct {
	hash string // of our definition; empty until the registry told it

	// troubles holds what was logged since all was well. While it is not
	// empty, the registry is asked to answer at once.
	troubles map[string]bool

	retry   pace.Turn    // while the registry does not answer or refuses
	rivals  pace.Backoff // while somebody keeps altering the registration
	altered time.Time    // when that was last noticed
	contest int          // how often another process put its own there since all was calm
}

// Two owners of one id, each putting its own definition back, end at a few
// calls a minute. A rival that was quiet for longer than rivalCalm counts as
// new.
const (
	firstRivalDelay = time.Second
	lastRivalDelay  = time.Minute
	rivalCalm       = 5 * time.Minute

	// lastContest is how often our definition is put in the place of that of
	// another process. After it we stand down, and look from time to time
	// whether the other is gone.
	lastContest = 3
	yieldFor    = 10 * time.Second
)

func newKeeper() *keeper {
	return &keeper{
		troubles: make(map[string]bool),
		rivals:   pace.Backoff{First: firstRivalDelay, Last: lastRivalDelay},
	}
}

// keep compares what the registry holds with what it should hold, and puts it
// right, until ctx ends.
func (r *Registrar) keep(ctx context.Context, k *keeper) {
	wakeups := pace.NewLimiter()
	for wakeups.Wait(ctx) == nil {
		cause := r.compare(ctx, k)
		if ctx.Err() != nil {
			return
		}
		if cause == nil {
			r.calm(k)
			continue
		}
		cause = r.whoAltered(ctx, k, cause)
		wait, heal := k.react(cause, time.Now())
		if heal || errors.Is(cause, ErrTaken) {
			r.stand.become(Lost, cause)
		}
		r.report(k, heal, cause)
		if pace.Sleep(ctx, wait) != nil {
			return
		}
		if !heal {
			continue
		}
		r.stand.become(Healing, cause)
		if err := r.heal(ctx, k); err != nil {
			r.stand.become(Lost, err)
			r.report(k, false, err)
			if pace.Sleep(ctx, k.retry.After(refusal.AloneFor(err))) != nil {
				return
			}
		}
	}
}

// compare returns what is wrong with the registration, as soon as something
// is, or nil after a while. The error wraps ErrNotRegistered or ErrAltered, or
// is the reason why the registry does not tell.
func (r *Registrar) compare(ctx context.Context, k *keeper) error {
	known := k.hash
	if len(k.troubles) > 0 {
		known = ""
	}
	var hash string
	err := r.nudge.during(ctx, func(ctx context.Context) (err error) {
		hash, err = r.registry.Await(ctx, r.registration.ID, known)
		return err
	})
	if err != nil {
		return err
	}
	if k.hash != "" && hash != k.hash {
		return ErrAltered
	}
	first := k.hash == ""
	k.hash = hash
	if r.examiner == nil || first || !r.hasCheck() {
		return nil
	}
	// The hash does not cover the check. Who may not ask for it, or got no answer,
	// knows nothing of it.
	if err := r.examiner.Examine(ctx, r.registration.ID); errors.Is(err, ErrNotRegistered) {
		return err
	}
	return nil
}

// whoAltered returns cause, and when another process put its own registration in
// the place of ours, who it was: as a *TakenError once it is to be left to it.
func (r *Registrar) whoAltered(ctx context.Context, k *keeper, cause error) error {
	if !errors.Is(cause, ErrAltered) {
		return cause
	}
	held, is := r.rival(ctx)
	if !is {
		return cause
	}
	now := time.Now()
	if now.Sub(k.altered) > rivalCalm {
		k.contest = 0
	}
	k.contest++
	taken := takenBy(held)
	// Who came back three times lives. Later on it may have died, and there is
	// nobody to be patient with.
	gone := k.contest > lastContest+1 && r.life(ctx, held) == dead
	if gone {
		k.rivals.Reset()
	}
	if gone || k.contest <= lastContest {
		return fmt.Errorf("%w: %v", cause, taken)
	}
	k.altered = now
	return taken
}

// react says how long to wait after cause, and whether to register then.
func (k *keeper) react(cause error, now time.Time) (wait time.Duration, heal bool) {
	switch {
	case errors.Is(cause, ErrNotRegistered):
		return k.retry.Rest(), true
	case errors.Is(cause, ErrTaken):
		return jittered(yieldFor), false
	case errors.Is(cause, ErrAltered):
		if now.Sub(k.altered) > rivalCalm {
			k.rivals.Reset()
		}
		k.altered = now
		return k.rivals.Next(), true
	default:
		return k.retry.After(refusal.AloneFor(cause)), false
	}
}

// heal puts the registration back. It does not give up half-way when ctx
// ends: a call that arrived after Withdraw's would leave a zombie. Withdraw
// waits for it instead, which the registry promises to be short.
func (r *Registrar) heal(ctx context.Context, k *keeper) error {
	if err := r.registry.Register(context.WithoutCancel(ctx), r.wish()); err != nil {
		return err
	}
	r.nudge.forget() // what the heartbeats missed is there again
	if err := r.pauseAgain(context.WithoutCancel(ctx)); err != nil {
		r.nudge.give(fmt.Errorf("its maintenance: %w", ErrNotRegistered)) // so that all of it is done anew
		return err
	}
	r.healed.Add(1)
	r.stand.become(Registered, nil)
	r.Refresh()
	// Another version of a registry may hash the same definition to another
	// value. Ask at once, for what a rival puts there later is not ours; if
	// that fails, the next step of the loop asks again.
	k.hash = ""
	_ = r.compare(ctx, k)
	return nil
}

// report logs each kind of trouble once until all is well again.
func (r *Registrar) report(k *keeper, heal bool, cause error) {
	message := "registry does not answer or refuses, trying again"
	switch {
	case heal:
		message = "registration lost or altered, putting it back"
	case errors.Is(cause, ErrTaken):
		message = "standing down: another process announces itself under this id"
	}
	r.stand.suffer(cause)
	if !k.troubles[message] {
		k.troubles[message] = true
		r.logger.Warn(message, "error", cause)
	}
}

// calm notes that all is well.
func (r *Registrar) calm(k *keeper) {
	if len(k.troubles) > 0 {
		clear(k.troubles)
		r.logger.Info("registration is true again")
	}
	r.stand.become(Registered, nil)
	r.stand.suffer(nil)
	k.retry.Reset()
}
