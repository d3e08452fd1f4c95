package discover

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Snapshot is what is known at one moment of the instances that a query asks
// for. Neither its slices nor what they hold may be changed.
type Snapshot struct {
	Instances []Instance // healthy, sorted as Query.Near says
	Unhealthy []Instance // known but not healthy, sorted by node and id
	Index     uint64     // the registry's, at least 1
	Confirmed time.Time  // when the registry last gave this answer
	Err       error      // why this is not what the registry says now; nil while it is
}

// State says how far a snapshot can be trusted.
type State string

const (
	Pending   State = "pending"   // no answer yet; Err says why, after an attempt
	Current   State = "current"   // the registry vouches for the list
	Empty     State = "empty"     // the registry knows no instance
	AllOut    State = "all out"   // there are instances, but none is healthy
	Degraded  State = "degraded"  // the registry does not answer; this is the last list
	Warming   State = "warming"   // the registry is just back and does not know, or has not checked, all instances again
	Held      State = "held"      // many were lost at once, and are kept; see Guard.Hold
	Panicking State = "panicking" // too few are healthy, so others are used too; see Guard.Panic
)

// States yields every [State] but Pending.
func States(yield func(State) bool) {
	for _, s := range []State{Current, Empty, AllOut, Degraded, Warming, Held, Panicking} {
		if !yield(s) {
			return
		}
	}
}

// State returns how far the snapshot can be trusted.
func (s Snapshot) State() State {
	switch {
	case s.Index == 0:
		return Pending
	case errors.Is(s.Err, errReturning), errors.Is(s.Err, ErrUnlooked):
		return Warming
	case errors.Is(s.Err, errHeld):
		return Held
	case errors.Is(s.Err, errPanic):
		return Panicking
	case s.Err != nil && !errors.Is(s.Err, ErrElsewhere):
		return Degraded
	case s.Known() == 0:
		return Empty
	case len(s.Instances) == 0:
		return AllOut
	}
	return Current
}

// Known returns how many instances there are, healthy or not.
func (s Snapshot) Known() int { return len(s.Instances) + len(s.Unhealthy) }

// down reports whether the latest attempt to ask the registry failed.
func (s Snapshot) down() bool {
	return s.Err != nil && (s.Index == 0 || s.State() == Degraded)
}

// has reports whether the registry knows an instance with the given id.
func (s Snapshot) has(id string) bool {
	i := Instance{ID: id}
	return contains(s.Instances, i) || contains(s.Unhealthy, i)
}

// NewSnapshot builds a [Source]'s answer to q from all instances that q asks
// for, healthy or not. It takes over the slice, in whose order they stay where
// q has a Near. The caller sets Index and Confirmed.
func NewSnapshot(q Query, all []Instance) Snapshot {
	var s Snapshot
	healthy := 0 // of those at the front
	for _, i := range all {
		if q.healthy(i.Status) {
			all[healthy] = i
			healthy++
		} else {
			s.Unhealthy = append(s.Unhealthy, i)
		}
	}
	if healthy > 0 {
		s.Instances = slices.Clip(all[:healthy])
		clear(all[healthy:])
	}
	s.sort(q)
	return s
}

// sort puts both lists in the order that q asks for, where the registry gave
// them in that order already.
func (s *Snapshot) sort(q Query) {
	if q.Near == "" {
		slices.SortFunc(s.Instances, byNodeAndID)
	}
	slices.SortFunc(s.Unhealthy, byNodeAndID)
}

func byNodeAndID(a, b Instance) int {
	return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
}
