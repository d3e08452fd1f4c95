package balance

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// HashConfig says how far a key may go from its target; the zero value works.
type HashConfig struct {
	// Bound is how many times the calls that its weight gives it a target may have
	// under way, at least 1; 0 means 1.25. Math.Inf(1) is no bound.
	Bound float64
}

// ConsistentHash chooses the same target for the same key, in every process,
// and each target for as many keys as its weight says. When one of n targets
// comes or goes, little more than one key in n changes its target. A target that has
// too many calls under way gives keys to others, each key to the same one
// while that is so (Mirrokni and others, Consistent Hashing with Bounded Loads,
// 2016). A request without a key goes anywhere.
//
// Keys find their targets in a table, as in Google's Maglev (Eisenbud and
// others, 2016).
func ConsistentHash(cfg HashConfig) Policy {
	if cfg.Bound == 0 {
		cfg.Bound = 1.25
	}
	return consistentHash{max(1, cfg.Bound)}
}

type consistentHash struct{ bound float64 }

// Plan implements [Policy].
func (h consistentHash) Plan(candidates []Candidate, _ time.Time) Plan {
	p := &hashPicker{wheel: newWheel(candidates), crowd: candidates[0].load.crowd, bound: h.bound}
	p.table = newTable(candidates)
	if math.IsInf(h.bound, 1) {
		return Plan{Picker: p}
	}
	return Plan{Picker: p, Feedback: Total}
}

type hashPicker struct {
	wheel
	table []int32 // from a hash's place to the number of a slot
	crowd *crowd
	bound float64
}

// Pick implements [Picker].
func (p *hashPicker) Pick(r Request) *Target {
	key := r.Key
	if key == 0 {
		key = rand.Uint64()
	}
	first := &p.slots[p.owner(mix(key))]
	if len(r.Tried) == 0 && (first.load.running.Load() == 0 || p.bears(first, p.limit())) {
		return first.target
	}
	return p.elsewhere(r, first, key)
}

// owner returns the number of the slot that a hash belongs to.
func (p *hashPicker) owner(hash uint64) int {
	place, _ := bits.Mul64(hash, uint64(len(p.table)))
	return int(p.table[place])
}

// limit returns how many calls a target of weight 1 may have under way, with
// the one that is to come.
func (p *hashPicker) limit() float64 {
	return p.bound * float64(p.crowd.running.Load()+1) / float64(len(p.slots))
}

// bears reports whether a target may have one call more.
func (p *hashPicker) bears(s *slot, limit float64) bool {
	return float64(s.load.running.Load()) < math.Ceil(limit*s.weight-1e-9) // what is whole but for rounding is whole
}

// elsewhere returns where a key goes whose own target may not be chosen: to the
// next of the key's own row of targets, so that those of one target do not all
// go to the same other.
func (p *hashPicker) elsewhere(r Request, first *slot, key uint64) *Target {
	limit := p.limit()
	free := func(s *slot) bool { return p.bears(s, limit) && !r.tried(s.target) }
	if free(first) {
		return first.target
	}
	hash := mix(key)
	for range 2 * len(p.slots) {
		hash = mix(hash + key | 1)
		if s := &p.slots[p.owner(hash)]; free(s) {
			return s.target
		}
	}
	begin := p.owner(hash)
	for _, allowed := range []func(*slot) bool{free, func(s *slot) bool { return !r.tried(s.target) }} {
		for i := range p.slots {
			if s := &p.slots[(begin+i)%len(p.slots)]; allowed(s) {
				return s.target
			}
		}
	}
	return first.target
}

// places returns how many places a table for n targets has: a prime, so that
// every step leads to all places, and so many that the shares are exact to a
// hundredth or so.
func places(n int) int {
	for _, prime := range []int{1021, 4093, 16381, 65537, 262139} {
		if prime >= 150*n {
			return prime
		}
	}
	return 1048573
}

// newTable lets the candidates take places, one after the other and as often as
// their weights say, each in an order of its own.
func newTable(candidates []Candidate) []int32 {
	size := places(len(candidates))
	table := make([]int32, size)
	for i := range table {
		table[i] = -1
	}
	type taker struct{ at, step uint64 }
	takers := make([]taker, len(candidates))
	var heaviest float64
	for i, c := range candidates {
		hash := identityOf(c.Instance).hash()
		takers[i] = taker{hash % uint64(size), 1 + mix(hash)%uint64(size-1)}
		heaviest = max(heaviest, c.Weight)
	}
	due := make([]float64, len(candidates))
	for taken := 0; ; {
		for i := range takers {
			if due[i] += candidates[i].Weight / heaviest; due[i] < 1 {
				continue
			}
			due[i]--
			t := &takers[i]
			for table[t.at] >= 0 {
				t.at = (t.at + t.step) % uint64(size)
			}
			table[t.at] = int32(i)
			if taken++; taken == size {
				return table
			}
		}
	}
}
