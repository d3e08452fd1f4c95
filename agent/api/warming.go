package api

import (
	"iter"
	"slices"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/state"
)

// warmingHeader is on answers about health, after a restart, while they have
// checks whose status is that of before: it tells how many. It is muster's own,
// and there is none in normal operation. Nobody waits for it to go: a blocked
// reader is not woken when a look finds what was known.
const warmingHeader = "X-Muster-Warming"

// warming returns what finds the checks of an answer that are warming.
func warming(l *local.Local) func(value any) local.Warming {
	return func(value any) local.Warming { return l.Warming(checksIn(value)) }
}

// checksIn yields the checks that an answer about health shows.
func checksIn(value any) iter.Seq[*state.Check] {
	switch shown := value.(type) {
	case []*state.Check:
		return slices.Values(shown)
	case []state.Instance:
		return func(yield func(*state.Check) bool) {
			for _, instance := range shown {
				for _, c := range instance.Checks {
					if !yield(c) {
						return
					}
				}
			}
		}
	default:
		return func(func(*state.Check) bool) {}
	}
}
