// Package balance chooses one instance of a service out of those that are
// healthy.
//
// A [Balancer] follows the instances of one service and holds, at any moment,
// a [Picker] over those there are. What kind of picker is the business of a
// [Policy]: one file each, and wrapped around each other:
//
//	balance.Zone("eu-1", balance.LeastRequest())
//
// An instance is a [Target] here: what the registry says of it, and how calls
// to it fared. Who calls one says so, with [Target.Start] and [Call.Done], and
// the policies that look at it learn from that.
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

// Policy plans how to choose among targets. A policy is a value without state:
// what it must remember of a target from one plan to the next is kept in that
// target. It may serve any number of balancers at once.
type Policy interface {
	// Plan returns how to choose among targets at the time now. They are sorted by
	// node and id, there is at least one, and the slice is the policy's to
	// keep but not to change. A balancer makes one plan at a time: whenever its
	// targets change, and when an earlier plan asked for it. Plan does not block.
	Plan(targets []*Target, now time.Time) Plan
}

// Plan is how to choose until the next plan.
type Plan struct {
	// Picker chooses.
	Picker Picker
	// Again is when to plan anew though no target changed; zero for never.
	Again time.Time
	// Failures asks to plan anew soon after a call failed.
	Failures bool
}

// Picker chooses. It is called by many goroutines at once, does not block and
// does not allocate.
type Picker interface {
	// Pick returns a target for r, one that r did not try while there is such a
	// one. It returns nil only if the picker has nothing to choose from.
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
		if one == t || one.load == t.load {
			return true
		}
	}
	return false
}

// from returns the first target at or after start, around the end, that the
// request did not try; the one at start if it tried all.
func (r Request) from(targets []*Target, start int) *Target {
	if len(r.Tried) == 0 {
		return targets[start]
	}
	for i := range targets {
		if at := (start + i) % len(targets); !r.tried(targets[at]) {
			return targets[at]
		}
	}
	return targets[start]
}
