package balance

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// RoundRobin chooses one target after the other, as often as their weights say
// and evenly spread: of weights 5, 1 and 1 the first exactly five times of
// seven. It begins with any. Under many concurrent calls several go round
// independently. A request that was tried goes to any other by chance, and takes
// no turn.
func RoundRobin() Policy { return roundRobin{} }

// roundRobin begins with any: processes that start together do not all call the same
// one first.
type roundRobin struct{}

// Plan implements [Policy].
func (roundRobin) Plan(candidates []Candidate, _ time.Time) Plan {
	return Plan{Picker: newRoundRobinPicker(candidates, rand.Uint64())}
}

// roundRobinPicker turns a wheel, each time by the same part of it.
type roundRobinPicker struct {
	wheel
	step  uint64
	begin uint64
	turns turns
}

func newRoundRobinPicker(candidates []Candidate, start uint64) *roundRobinPicker {
	p := &roundRobinPicker{wheel: newWheel(candidates)}
	// In a whole period of steps, every position of the rim is hit once: the
	// step has no divisor in common with it. Golden steps spread best.
	step := uint64(1)
	if p.ends != nil {
		step = uint64(math.Round(float64(p.total) / math.Phi))
		for gcd(step, p.total) != 1 {
			step++
		}
	}
	p.step, _ = bits.Div64(step%p.total, 0, p.total)
	p.begin, _ = bits.Div64(0, 1<<63, p.total) // the middle of a position, for the step is rounded
	p.turns.period = p.total
	p.turns.alone.Store(start % p.total)
	return p
}

// Pick implements [Picker].
func (p *roundRobinPicker) Pick(r Request) *Target {
	if len(r.Tried) > 0 {
		return p.again(r)
	}
	n, due := p.turns.next()
	if due {
		p.turns.look(n)
	}
	return p.slots[p.at(p.begin+n*p.step)].target
}

// again is Pick for a request that was tried. It goes by chance: turns would come
// in step with those of the first tries, and what one target fails would be
// another's alone.
func (p *roundRobinPicker) again(r Request) *Target {
	return p.untried(r, rand.Uint64()).target
}
