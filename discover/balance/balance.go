// Package balance chooses one instance of a service out of those that are
// healthy.
//
// A [Balancer] follows the instances of one service and holds, at any moment,
// a [Picker] over those there are. What kind of picker is the business of a
// [Policy], one file each. These choose:
//
//   - [RoundRobin]: one after the other. For requests that cost much the same.
//   - [Random]: by chance. The same without any state; for very many callers
//     that each send little.
//   - [LeastRequest]: the one of two with fewer calls under way. The one to
//     begin with, for requests that differ.
//   - [PeakEWMA]: the one of two that is expected to answer first. For
//     instances that differ, or falter, in speed.
//   - [ConsistentHash]: the same one for the same key. For instances that keep
//     something in memory.
//
// These surround another policy and decide whom it may choose from and with
// what weight; best in this order, from the outside:
//
//   - [Subset]: only some of very many instances, so that not everybody has a
//     connection to everybody.
//   - [Outlier]: not those that fail their calls.
//   - [SlowStart]: a new one gets its share little by little.
//   - [Zone]: those of the caller's own zone first.
//
// So
//
//	balance.Outlier(balance.OutlierConfig{}, balance.Zone("eu-1", balance.LeastRequest()))
//
// All of them obey the weights that instances ask for ([discover.Weights]),
// RoundRobin too: who gives weights wants them obeyed. An instance whose weight
// is 0 for its status gets nothing while others have a weight; where nobody has
// any, all are alike.
//
// An instance is a [Target] here: what the registry says of it, and how calls
// to it fared. Who calls one says so, with [Target.Start] and [Call.Done], and
// the policies that look at it learn from that.
//
// Beside them are two helpers for those who call: a [Budget] bounds retries,
// and [Hedge] sends a second request where the first takes long.
//
// The package sends nothing and never asks a registry. It refuses to invent an
// instance: where there is none, [Balancer.Pick] says why.
package balance

import (
	"errors"
	"time"
)

// ErrNoInstance reports that there is no instance to choose. The error that
// wraps it says why.
var ErrNoInstance = errors.New("no instance to choose")

// ErrUnreachable is for callers to say, with [Call.Done], that a target took no
// connection. [Outlier] ejects it then without waiting for more failures: who
// calls rarely would wait long, and each may take as long as a time-out.
var ErrUnreachable = errors.New("instance cannot be reached")

// Policy plans how to choose among candidates. A policy is a value without
// state: what it must remember of a target from one plan to the next is kept in
// that target. It may serve any number of balancers at once.
type Policy interface {
	// Plan returns how to choose among candidates at the time now. There is at
	// least one, they are in a settled order, and the slice is the policy's to
	// keep but not to change. One plan is made at a time for the same targets:
	// whenever these change, and when an earlier plan asked for it. Plan does
	// not block.
	Plan(candidates []Candidate, now time.Time) Plan
}

// Candidate is a target with what it is to get, relative to the others.
type Candidate struct {
	*Target
	Weight float64 // above 0
}

// Plan is how to choose until the next plan.
type Plan struct {
	// Picker chooses.
	Picker Picker
	// Again is when to plan anew though no target changed; zero for never.
	Again time.Time
	// Feedback is what calls must tell.
	Feedback Feedback
}

// Feedback is what the calls to a target tell of it. How many are under way is
// always known; the rest costs time and is told where a plan asks for it.
type Feedback uint32

// What calls can tell.
const (
	// Total is how many calls to all targets are under way.
	Total Feedback = 1 << iota
	// Latency is how long they take.
	Latency
	// Outcome is whether they fail.
	Outcome
)

// Picker chooses. It is called by many goroutines at once, does not block and
// does not allocate.
type Picker interface {
	// Pick returns a target for r, one that r did not try while there is such a
	// one. It is never nil.
	Pick(r Request) *Target
}

// Request is what a picker may know of a call. The zero value says nothing.
type Request struct {
	// Key sends requests with the same key to the same target, under policies
	// that look at it. 0 is no key; [Key] makes one.
	Key uint64
	// Tried are the targets that this request was sent to already.
	Tried []*Target
}

// tried reports whether the request was sent to t already.
func (r Request) tried(t *Target) bool {
	for _, one := range r.Tried {
		if one.load == t.load { // over a change of what the registry says of it
			return true
		}
	}
	return false
}

// earlier returns the first of two times of which either may be zero for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// mustHave panics when a policy is nil: here it is found, and not in the goroutine
// of a balancer, where nobody could recover.
func mustHave(who string, policy Policy) {
	if policy == nil {
		panic("balance: " + who + " needs a policy, and it is nil")
	}
}
