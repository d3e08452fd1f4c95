// Package balance chooses one instance of a service out of the healthy ones.
//
// A [Balancer] follows the instances, and chooses by a [Policy]:
//
//   - [RoundRobin]: one after the other, for requests that cost much the same.
//   - [Random]: by chance, for very many callers that each send little.
//   - [LeastRequest]: of two, the one with fewer calls under way, for requests
//     that differ. Begin with it.
//   - [PeakEWMA]: of two, the one expected to answer first, for instances that
//     differ in speed.
//   - [ConsistentHash]: the same one for the same key, for instances that keep
//     something in memory.
//
// These wrap another policy, best in this order from the outside, and decide
// which instances it sees:
//
//   - [Subset]: some of very many.
//   - [Outlier]: not those that fail their calls.
//   - [SlowStart]: new ones little by little.
//   - [Zone]: those of the caller's zone first.
//
// For example
//
//	balance.Outlier(balance.OutlierConfig{}, balance.Zone("eu-1", balance.LeastRequest()))
//
// All obey the weights of the instances ([discover.Weights]): one of weight 0
// gets nothing, unless all have none.
//
// To a policy an instance is a [Target]. Callers tell it how their calls fare,
// with [Target.Start] and [Call.Done], and policies learn from that.
//
// The package sends nothing, asks no registry, and invents no instance. To
// bound retries there is package discover/retry.
package balance

import (
	"errors"
	"time"
)

// ErrNoInstance: there is no instance to choose. The error that wraps it says
// why.
var ErrNoInstance = errors.New("no instance to choose")

// ErrUnreachable is for [Call.Done]: the target took no connection. [Outlier]
// ejects it at once.
var ErrUnreachable = errors.New("instance cannot be reached")

// Policy plans how to choose. It has no state, keeps what it must remember of a
// target in that target, and may serve any number of balancers at once.
type Policy interface {
	// Plan returns how to choose among candidates: at least one, in a settled
	// order, in a slice that may be kept but not changed. For the same targets
	// it is not called concurrently. It does not block.
	Plan(candidates []Candidate, now time.Time) Plan
}

// Candidate is a target and its weight relative to the others.
type Candidate struct {
	*Target
	Weight float64 // above 0
}

// Plan is how to choose until the next plan.
type Plan struct {
	Picker   Picker
	Again    time.Time // when to plan anew even if no target changed; zero for never
	Feedback Feedback  // what calls must tell
}

// Feedback is what calls tell of their targets beyond [Target.Running], where a
// plan asks for it, for it costs time.
type Feedback uint32

const (
	Total   Feedback = 1 << iota // how many calls to all targets are under way
	Latency                      // how long calls take
	Outcome                      // whether they fail
)

// Picker chooses. It may be called concurrently, and neither blocks nor
// allocates.
type Picker interface {
	// Pick returns a target for r, if possible one that is not in r.Tried; of the
	// others each as often as its weight says.
	Pick(r Request) *Target
}

// Request is what a picker may know of a call; the zero value says nothing.
type Request struct {
	Key   uint64    // made by [Key]; 0 is none
	Tried []*Target // where this request was sent before
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
