package balance

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/realjf/muster/discover"
)

// Set makes targets of instances, and keeps what is known of their calls while
// the instances stay. [Balancer] is built on it; adapters that choose among
// their own connections use it directly:
//
//	targets := set.Update(instances, now)     // whenever the instances change
//	plan := set.Plan(policy, targets, now)    // then, at plan.Again, and when Stale says so
//	target := plan.Picker.Pick(request)
//
// Update and Plan must not be called concurrently; the rest may.
type Set struct {
	crowd   *crowd
	targets map[identity]*Target
}

// NewSet returns a set without targets.
func NewSet() *Set {
	return &Set{crowd: &crowd{stale: make(chan struct{}, 1)}}
}

// Update returns a target for each instance, in order. Instances that did not
// change keep theirs; those that are gone are forgotten.
func (s *Set) Update(instances []discover.Instance, now time.Time) []*Target {
	if s.targets == nil {
		s.crowd.epoch = now
	}
	old := s.targets
	s.targets = make(map[identity]*Target, len(instances))
	list := make([]*Target, len(instances))
	for n, i := range instances {
		id := identityOf(i)
		t := old[id]
		switch {
		case t == nil:
			t = &Target{i, &load{crowd: s.crowd, born: now, late: len(old) > 0}}
		case !reflect.DeepEqual(t.Instance, i):
			t = &Target{i, t.load}
		}
		s.targets[id], list[n] = t, t
	}
	return list
}

// Plan returns how policy chooses among targets, which are all or some of the
// latest Update. Without any, Picker is nil.
func (s *Set) Plan(policy Policy, targets []*Target, now time.Time) Plan {
	if len(targets) == 0 {
		return Plan{}
	}
	plan := policy.Plan(weigh(targets), now)
	s.crowd.asked.Store(uint32(plan.Feedback))
	return plan
}

// Stale returns a channel that holds a value when calls ask for a new plan.
// Wait some milliseconds before it, for others may follow.
func (s *Set) Stale() <-chan struct{} { return s.crowd.stale }

// weigh returns the targets that have a weight, with it; all of them, alike,
// if none has.
func weigh(targets []*Target) []Candidate {
	candidates := make([]Candidate, 0, len(targets))
	for _, t := range targets {
		if w := t.Instance.Weight(); w > 0 {
			candidates = append(candidates, Candidate{t, float64(w)})
		}
	}
	if len(candidates) == 0 {
		for _, t := range targets {
			candidates = append(candidates, Candidate{t, 1})
		}
	}
	return candidates
}

// identity tells instances apart over time. One that comes back at another
// address is another one: what was known of calls is not true of it.
type identity struct {
	datacenter, node, id, address string
	port                          int
}

func identityOf(i discover.Instance) identity {
	return identity{i.Datacenter, i.Node, i.ID, i.Address, i.Port}
}

// hash is the same in every process.
func (i identity) hash() uint64 {
	return xxhash.Sum64String(strings.Join([]string{i.datacenter, i.node, i.id, i.address, strconv.Itoa(i.port)}, "\x00"))
}
