package discover

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// Snapshot is what is known of the instances that a query asks for, at one
// moment. It is immutable: neither its slices nor what they hold may be
// changed.
type Snapshot struct {
	Instances []Instance // the healthy ones, sorted as the query asks for, by node and id if it does not
	Unhealthy []Instance // known to the registry but not healthy, sorted by node and id
	Index     uint64     // the registry's index of the answer, at least 1
	Confirmed time.Time  // when the registry last gave this answer
	Err       error      // why this is not what the registry says now; nil while it is
}

// State says what a snapshot is worth.
type State string

// The states of a snapshot.
const (
	// Pending: there was no answer yet. Err says why, after an attempt.
	Pending State = "pending"
	// Current: the registry vouches for the list.
	Current State = "current"
	// Empty: the registry says that there is no instance at all.
	Empty State = "empty"
	// AllOut: there are instances, and none is healthy.
	AllOut State = "all out"
	// Degraded: the registry does not answer. The list is the last one, and
	// Confirmed says how old it is.
	Degraded State = "degraded"
	// Warming: the registry has just come back. It does not know everybody yet,
	// and those that it lacks are kept for some seconds; or it says itself that it
	// has not looked at all of them again.
	Warming State = "warming"
	// Held: the registry lost many at once, and they are kept for as long as
	// [Guard] says.
	Held State = "held"
	// Panicking: too few are healthy, so that those which are not are used as
	// well, as [Guard] says.
	Panicking State = "panicking"
)

// States yields every state of a snapshot that is an answer: all but Pending.
func States(yield func(State) bool) {
	for _, s := range []State{Current, Empty, AllOut, Degraded, Warming, Held, Panicking} {
		if !yield(s) {
			return
		}
	}
}

// State returns what the snapshot is worth.
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

// Known returns how many instances the registry knows, healthy or not.
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

// NewSnapshot returns what a source says that knows all these instances, which
// it gives away, in the order that q asks for where that is one of distances. It
// lacks an index, and when it was confirmed.
func NewSnapshot(q Query, all []Instance) Snapshot {
	var s Snapshot
	healthy := 0 // of those at the front
	for _, i := range all {
		if q.Healthy(i.Status) {
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
