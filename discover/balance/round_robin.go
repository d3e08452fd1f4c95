package balance

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// RoundRobin chooses one target after the other, beginning with any: processes
// that start together do not all call the same one first.
func RoundRobin() Policy { return roundRobin{} }

type roundRobin struct{}

// Plan implements [Policy].
func (roundRobin) Plan(targets []*Target, _ time.Time) Plan {
	p := &roundRobinPicker{targets: targets}
	p.next.Store(rand.Uint64() >> 1)
	return Plan{Picker: p}
}

type roundRobinPicker struct {
	targets []*Target
	next    atomic.Uint64
}

func (p *roundRobinPicker) Pick(r Request) *Target {
	return r.from(p.targets, int(p.next.Add(1)%uint64(len(p.targets))))
}
