package balance

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// LeastRequest draws two targets by their weights and chooses the one with
// fewer calls under way for its weight (Mitzenmacher, The Power of Two Choices
// in Randomized Load Balancing, 2001).
func LeastRequest() Policy { return leastRequest{} }

// leastRequest draws two: they balance nearly as well as a look at all, and no caller
// runs after the same one as all others.
type leastRequest struct{}

// Plan implements [Policy].
func (leastRequest) Plan(candidates []Candidate, _ time.Time) Plan {
	return Plan{Picker: &leastRequestPicker{newWheel(candidates)}}
}

type leastRequestPicker struct{ wheel }

// Pick implements [Picker].
func (p *leastRequestPicker) Pick(r Request) *Target { return p.choose(r, rand.Uint64()) }

func (p *leastRequestPicker) choose(r Request, chance uint64) *Target {
	a, b := p.two(r, chance)
	chosen, other := a.target, b.target // both, so that the processor need not guess which
	if b.busy() < a.busy() {
		chosen = other
	}
	return chosen
}

// busy returns how many calls are under way for what the target's weight is.
func (s *slot) busy() float64 { return float64(s.load.calls.running()) * s.lightness }

// two draws two slots by their weights, which differ if they can. What the first
// draw leaves of chance, the place within a position, is enough for the second.
func (w *wheel) two(r Request, chance uint64) (a, b *slot) {
	if len(r.Tried) > 0 {
		return w.untried(r, chance), w.untried(r, mix(chance))
	}
	position, rest := bits.Mul64(chance, w.total)
	if w.ends != nil || w.total == 1 {
		first := w.at(chance)
		return &w.slots[first], &w.slots[w.other(first, rest)]
	}
	other, _ := bits.Mul64(rest, w.total-1)
	if other >= position {
		other++
	}
	return &w.slots[position], &w.slots[other]
}
