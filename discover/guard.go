package discover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/realjf/muster/internal/refusal"
)

// Guard says how far a watch trusts bad news about a service. The zero value
// trusts it, except as Hold and [Watcher] say.
type Guard struct {
	// Hold is how long instances are kept when many are lost at once: forgotten
	// by the registry or failing their checks, but not in maintenance. 0 keeps
	// them for ten seconds, and only when the registry forgets all instances of
	// a service that had two healthy ones or more. Less than 0 keeps none.
	Hold time.Duration
	// Loss is the share of the healthy instances above which those lost in one
	// answer are many; 0 means half. The last one is always many.
	Loss float64
	// Panic is the share of the instances that must be healthy. Below it all
	// are used, except those in maintenance. 0 means never; Envoy's is 0.5.
	Panic float64
}

// Why a snapshot is not what the registry says.
var (
	// errReturning: the registry has just come back.
	errReturning = errors.New("the registry was away and does not know all instances yet; keeping the others until they had time to return")
	// errHeld: many were lost at once.
	errHeld = errors.New("the registry lost many instances at once; keeping them for a while")
	// errPanic: too few are healthy.
	errPanic = errors.New("too few instances are healthy; using the others as well")
)

// returning is how long what a registry forgot while it was away is kept. One
// that restarts without its data knows nobody at first, and instances that
// are kept announced return to it within two seconds, one after the other. One
// that could not be reached for longer than a TTL has all of them as failing at
// first, and hears of them within the same time; so many at once are kept, too.
const returning = 3 * time.Second

// forgotten is how long the instances of a service are kept that a registry does
// not know at all from one answer to the next, where the guard does not say. So
// forgets a registry that is sick, and hardly ever one that was told.
const forgotten = 10 * time.Second

// doubt is what a watch holds against the answers of its source.
type doubt struct {
	guard Guard

	heard   Snapshot   // the latest answer as it was settled, without panic; index 0 before the first one
	away    bool       // the source failed since, or gave way to another
	missing []Instance // kept although the source does not have them healthy
	why     error      // they are kept
	silent  bool       // the source knows them, and has them as failing
	until   time.Time  // when they are given up; zero while none are
}

// next asks src for an answer, but while instances are kept no longer than
// that lasts: what is true then is asked for anew.
func (d *doubt) next(ctx context.Context, src Source, q Query, after uint64) (Snapshot, error) {
	if d.until.IsZero() {
		return src.Next(ctx, q, after)
	}
	return d.nextBefore(ctx, src, q, after)
}

// nextBefore is next while instances are kept. It stands by itself so that a watch
// that waits without doubt does so on a small stack.
func (d *doubt) nextBefore(ctx context.Context, src Source, q Query, after uint64) (Snapshot, error) {
	bounded, cancel := context.WithDeadline(ctx, d.until)
	defer cancel()
	answer, err := src.Next(bounded, q, after)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return src.Next(ctx, q, 0)
	}
	return answer, err
}

// failed notes that the source gave no answer.
func (d *doubt) failed() {
	d.away = true
	d.trust()
}

// trust gives up what is kept.
func (d *doubt) trust() { d.missing, d.silent, d.until = nil, false, time.Time{} }

// settle returns the snapshot that is made of answer, the next one after those
// settled before. Its Err says what of it the source did not say.
func (d *doubt) settle(q Query, answer Snapshot) Snapshot {
	// Who lost what it knew does not say so: an index that fell, and a connection that
	// broke while an answer was waited for, count as a failure.
	d.away = d.away || answer.Index < d.heard.Index || errors.Is(answer.Err, refusal.ErrInterrupted)
	if !errors.Is(answer.Err, ErrUnlooked) && !errors.Is(answer.Err, ErrElsewhere) {
		answer.Err = nil
	}
	d.keep(answer, time.Now())
	if len(d.missing) > 0 {
		answer.Instances = slices.Concat(answer.Instances, d.missing)
		answer.Unhealthy = slices.DeleteFunc(slices.Clone(answer.Unhealthy), func(i Instance) bool { return contains(d.missing, i) })
		answer.sort(q)
		answer.Err = d.why
	}
	d.heard, d.away = answer, false
	return d.guard.panicked(q, answer)
}

// keep decides which instances are missing in answer and kept all the same.
func (d *doubt) keep(answer Snapshot, now time.Time) {
	gone := func(i Instance) bool { return !answer.has(i.ID) }
	out := func(i Instance) bool { return lost(answer, i) }
	if !d.until.IsZero() {
		still := gone
		if d.why == errHeld || d.silent {
			still = out
		}
		d.missing = filter(d.missing, still)
	}
	switch {
	case d.until.IsZero() && d.away:
		d.missing, d.why, d.until = filter(d.heard.Instances, gone), errReturning, now.Add(returning)
		if all := filter(d.heard.Instances, out); d.guard.many(len(all), len(d.heard.Instances)) {
			d.missing, d.silent = all, true
		}
	case d.guard.hold(answer, d.heard) > 0:
		news := filter(d.heard.Instances, func(i Instance) bool { return out(i) && !contains(d.missing, i) })
		if len(news) == 0 || !d.guard.many(len(d.missing)+len(news), len(d.heard.Instances)) {
			break
		}
		if d.until.IsZero() {
			d.why, d.until = errHeld, now.Add(d.guard.hold(answer, d.heard))
		}
		d.missing = append(d.missing, news...)
	}
	if len(d.missing) == 0 || !now.Before(d.until) {
		d.trust()
	}
}

// hold returns how long those are kept who were lost between two answers, if they
// are many; 0 where they are not.
func (g Guard) hold(answer, before Snapshot) time.Duration {
	if g.Hold == 0 && answer.Known() == 0 && len(before.Instances) > 1 {
		return forgotten
	}
	return max(g.Hold, 0)
}

// many reports whether it is too many to lose so many of the healthy ones.
func (g Guard) many(lost, healthy int) bool {
	share := g.Loss
	if share == 0 {
		share = 0.5
	}
	return lost == healthy || float64(lost) > share*float64(healthy)
}

// panicked returns s with all instances in use if too few of them are healthy: the
// few would fall under the load, and the checks may be what is broken.
func (g Guard) panicked(q Query, s Snapshot) Snapshot {
	if g.Panic == 0 {
		return s
	}
	usable := filter(s.Unhealthy, func(i Instance) bool { return i.Status != Maintenance })
	if len(usable) == 0 || float64(len(s.Instances)) >= g.Panic*float64(len(s.Instances)+len(usable)) {
		return s
	}
	healthy := len(s.Instances)
	s.Instances = slices.Concat(s.Instances, usable)
	s.Unhealthy = filter(s.Unhealthy, func(i Instance) bool { return i.Status == Maintenance })
	s.sort(q)
	s.Err = fmt.Errorf("%w: %d of %d", errPanic, healthy, len(s.Instances))
	return s
}

// lost reports whether i, which was healthy, is gone from s or fails there. In
// maintenance it is neither: somebody wanted it out.
func lost(s Snapshot, i Instance) bool {
	if contains(s.Instances, i) {
		return false
	}
	return !slices.ContainsFunc(s.Unhealthy, func(u Instance) bool { return u.ID == i.ID && u.Status == Maintenance })
}

// contains reports whether all has an instance with i's id.
func contains(all []Instance, i Instance) bool {
	return slices.ContainsFunc(all, func(one Instance) bool { return one.ID == i.ID })
}

// filter returns those of all for which keep is true, in a slice of its own.
func filter(all []Instance, keep func(Instance) bool) []Instance {
	return slices.DeleteFunc(slices.Clone(all), func(i Instance) bool { return !keep(i) })
}
