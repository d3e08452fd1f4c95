package announce

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/refusal"
)

// beatsPerTTL is how many heartbeats there are in a TTL: two may be lost, and a
// process that was killed is found out within three.
const beatsPerTTL = 3

// feeling is what is reported of an instance.
type feeling struct {
	status discover.Status
	text   string
}

// alright is the feeling of a process that lives and has nothing to say.
var alright = feeling{status: discover.Passing}

// pulse is what the heartbeats of one announcement remember. It belongs to the
// goroutine that runs them.
type pulse struct {
	health  func(context.Context) error // nil: that the process lives is enough
	timeout time.Duration               // of one call of health
	beat    time.Duration               // between two heartbeats
	look    time.Duration               // between two calls of health; at most beat

	answers chan error // of the one call that may be under way
	asking  bool       // whether it is
}

func newPulse(check HealthCheck, health func(context.Context) error) *pulse {
	beat := check.TTL / beatsPerTTL
	p := &pulse{health: health, timeout: beat, beat: beat, look: beat, answers: make(chan error, 1)}
	if check.Timeout > 0 {
		p.timeout = check.Timeout
	}
	if check.Interval > 0 {
		p.look = min(beat, max(check.Interval, leastTTL/beatsPerTTL))
	}
	return p
}

// feel asks the health function, which may hang: then it says so, and waits on
// for the same answer the next time. A function that never returns keeps its one
// goroutine, for which nobody waits, and holds up nothing.
func (p *pulse) feel(ctx context.Context) feeling {
	if p.health == nil {
		return alright
	}
	if !p.asking {
		p.asking = true
		go func() { // ends with the health function; its answer has a place
			bounded, cancel := context.WithTimeout(ctx, p.timeout)
			defer cancel()
			p.answers <- p.health(bounded)
		}()
	}
	patience := time.NewTimer(p.timeout)
	defer patience.Stop()
	select {
	case err := <-p.answers:
		p.asking = false
		if errors.Is(err, context.DeadlineExceeded) {
			return p.hung()
		}
		return feelingOf(err)
	case <-patience.C:
		return p.hung()
	case <-ctx.Done():
		return p.hung()
	}
}

func (p *pulse) hung() feeling {
	return feeling{discover.Critical, fmt.Sprintf("the health function did not answer within %s", p.timeout)}
}

// feelingOf puts a health function's answer into a status.
func feelingOf(err error) feeling {
	switch {
	case err == nil:
		return alright
	case errors.Is(err, ErrWarning):
		return feeling{discover.Warning, err.Error()}
	default:
		return feeling{discover.Critical, err.Error()}
	}
}

// jittered returns a little less than d, so that a fleet does not beat as one.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/5+1) }

// beat keeps the registry told how the instance feels until ctx ends: at once
// when that changes, and else with each heartbeat. It is silent while the
// registration is not ours, for it would vouch for another.
func (r *Registrar) beat(ctx context.Context, p *pulse) {
	var felt, told feeling
	var look, due time.Time // the next call of the health function, and the next heartbeat
	deaf := false           // the registry does not take heartbeats, and it was logged
	for retry := (pace.Turn{}); ; {
		if now := time.Now(); !now.Before(look) {
			look = now.Add(jittered(p.look))
			if felt = p.feel(ctx); ctx.Err() != nil {
				return
			}
			known := felt // who puts the registration back reads it meanwhile
			r.felt.Store(&known)
		}
		next := look
		if now := time.Now(); (felt != told || !now.Before(due)) && r.Standing() == Registered {
			switch err := r.tell(ctx, p, felt); {
			case err == nil:
				told, due, deaf = felt, now.Add(jittered(p.beat)), false
				retry.Reset()
			case errors.Is(err, ErrNotRegistered):
				told = feeling{}
				r.nudge.give(err) // who heals pokes
			default:
				if !deaf && ctx.Err() == nil {
					deaf = true
					r.logger.Warn("registry does not take heartbeats, trying again", "error", err)
				}
				next = time.Now().Add(min(retry.After(refusal.AloneFor(err)), p.beat)) // the TTL goes on running
			}
		}
		if now := time.Now(); due.After(now) && due.Before(next) {
			next = due
		}
		select {
		case <-time.After(max(time.Until(next), leastPause)):
		case <-r.poke:
			look, told = time.Time{}, feeling{}
		case <-ctx.Done():
			return
		}
	}
}

// leastPause is between two steps of the heartbeats, whatever comes together.
const leastPause = 10 * time.Millisecond

// tell reports what is felt, within the time of one heartbeat: a connection
// that broke without a word must not cost all three.
func (r *Registrar) tell(ctx context.Context, p *pulse, felt feeling) error {
	bounded, cancel := context.WithTimeout(ctx, max(p.beat, leastTTL))
	defer cancel()
	return r.reporter.Report(bounded, r.registration.ID, felt.status, felt.text)
}

// Refresh has Health called and its result reported now. It does not block.
func (r *Registrar) Refresh() {
	select {
	case r.poke <- struct{}{}:
	default: // one is due already
	}
}
