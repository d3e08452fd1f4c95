package balance

import (
	"math/rand/v2"
	"time"
)

// Random chooses each target with the same chance.
func Random() Policy { return random{} }

type random struct{}

// Plan implements [Policy].
func (random) Plan(targets []*Target, _ time.Time) Plan {
	return Plan{Picker: randomPicker(targets)}
}

type randomPicker []*Target

func (p randomPicker) Pick(r Request) *Target { return r.from(p, rand.IntN(len(p))) }
