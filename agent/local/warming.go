package local

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/realjf/muster/agent/state"
)

// After a restart checks have the status that they had before, and nobody has
// looked since: they are warming, each until its first look or, if it is a TTL,
// until it is told. Their instances are in the answers all the while, for an
// instance is more likely to live on than to die with its registry.

// Warming are checks that were warming when they were asked for. It is safe
// for concurrent use.
type Warming []*atomic.Bool

// Count returns how many of them are warming still.
func (w Warming) Count() int {
	count := 0
	for _, still := range w {
		if still.Load() {
			count++
		}
	}
	return count
}

// Warming returns those of the checks that are warming.
func (l *Local) Warming(checks iter.Seq[*state.Check]) Warming {
	if l.warming.Load() == 0 {
		return nil // as nearly always
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var warming Warming
	for c := range checks {
		own := l.checks[c.CheckID]
		if own != nil && own.warming != nil && strings.EqualFold(c.Node, l.node.Node) {
			warming = append(warming, own.warming)
		}
	}
	return warming
}

// WarmingChecks returns how many checks are warming.
func (l *Local) WarmingChecks() int { return int(l.warming.Load()) }

// warm marks a check that goes on after a restart; the caller holds the mutex.
func (l *Local) warm(c *announcedCheck) {
	c.warming = new(atomic.Bool)
	c.warming.Store(true)
	l.warming.Add(1)
}

// warmed ends that, when it was looked at or is forgotten; the caller holds the
// mutex.
func (l *Local) warmed(c *announcedCheck) {
	if c.warming != nil {
		c.warming.Store(false)
		c.warming = nil
		l.warming.Add(-1)
	}
}

// firstLooks puts checks into the order in which they are looked at after a
// restart: those first whose instances are being sent to, for of them it costs
// requests not to know. Among those chance decides, so that no service waits
// until all of another, which may hang, were looked at.
func firstLooks(checks []*state.Announced, status func(id string) state.Status) {
	rank := func(c *state.Announced) int {
		return slices.Index([]state.Status{state.Passing, state.Warning, state.Critical}, status(c.ID))
	}
	rand.Shuffle(len(checks), func(i, j int) { checks[i], checks[j] = checks[j], checks[i] })
	slices.SortStableFunc(checks, func(a, b *state.Announced) int { return rank(a) - rank(b) })
}
