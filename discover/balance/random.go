package balance

import (
	"math/rand/v2"
	"time"
)

// Random chooses each target with the chance that its weight gives it.
func Random() Policy { return random{} }

type random struct{}

// Plan implements [Policy].
func (random) Plan(candidates []Candidate, _ time.Time) Plan {
	return Plan{Picker: &randomPicker{newWheel(candidates)}}
}

type randomPicker struct{ wheel }

// Pick implements [Picker].
func (p *randomPicker) Pick(r Request) *Target {
	chance := rand.Uint64()
	if len(r.Tried) > 0 {
		return p.untried(r, chance).target
	}
	return p.slots[p.at(chance)].target
}
