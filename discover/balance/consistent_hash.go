package balance

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"
)

// HashConfig says how far a key may go from its target; the zero value works.
type HashConfig struct {
	Bound float64 // calls that a target may have under way, as a multiple of its share, at least 1; 0 means 1.25, math.Inf(1) no bound
}

// ConsistentHash chooses the same target for the same key, in every process,
// and each target for as many keys as its weight says. When one of n targets
// comes or goes, little more than one key in n moves. A target with too many
// calls passes keys on, each to the same other one. A request without a key
// goes anywhere. It panics when Bound is below 1. The rules are Maglev's
// (Eisenbud and others, 2016) and Consistent Hashing with Bounded Loads
// (Mirrokni and others, 2016).
func ConsistentHash(cfg HashConfig) Policy {
	if cfg.Bound == 0 {
		cfg.Bound = 1.25
	}
	if !(cfg.Bound >= 1) { // which no number is not, either
		panic(fmt.Sprintf("balance: ConsistentHash with a Bound of %v: want 1 or more", cfg.Bound))
	}
	return consistentHash{cfg.Bound}
}

type consistentHash struct{ bound float64 }

// Plan implements [Policy].
func (h consistentHash) Plan(candidates []Candidate, _ time.Time) Plan {
	p := &hashPicker{wheel: newWheel(candidates), crowd: candidates[0].load.crowd, bound: h.bound}
	p.table = tableOf(candidates)
	if math.IsInf(h.bound, 1) {
		return Plan{Picker: p}
	}
	return Plan{Picker: p, Feedback: Total}
}

type hashPicker struct {
	wheel
	table []uint16 // from a hash's place to the number of a slot, from 1 on
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
	if len(r.Tried) == 0 && (first.load.calls.running() == 0 || p.bears(first, p.limit())) {
		return first.target
	}
	return p.elsewhere(r, first, key)
}

// owner returns the number of the slot that a hash belongs to.
func (p *hashPicker) owner(hash uint64) int {
	place, _ := bits.Mul64(hash, places)
	return int(p.table[place]) - 1
}

// limit returns how many calls a target of weight 1 may have under way, with
// the one that is to come.
func (p *hashPicker) limit() float64 {
	return p.bound * float64(p.crowd.running.Load()+1) / float64(len(p.slots))
}

// bears reports whether a target may have one call more.
func (p *hashPicker) bears(s *slot, limit float64) bool {
	return float64(s.load.calls.running()) < math.Ceil(limit*s.weight-1e-9) // what is whole but for rounding is whole
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

// hashTable is a table and whom it was made for.
type hashTable struct {
	candidates []Candidate
	places     []uint16
}

// tableOf returns the table of candidates. It takes a millisecond to make, and
// policies around this one plan often while nobody comes or goes: so the first
// candidate's load keeps the latest.
func tableOf(candidates []Candidate) []uint16 {
	keeper := candidates[0].load
	same := func(a, b Candidate) bool { return a.load == b.load && a.Weight == b.Weight }
	if kept := keeper.table; kept != nil && slices.EqualFunc(kept.candidates, candidates, same) {
		return kept.places
	}
	keeper.table = &hashTable{candidates, newTable(candidates)}
	return keeper.table.places
}

// places is how many there are in a table, of however many targets: another
// number would move all keys. It is a prime, so that every step leads to all
// places.
const places = 65537

// newTable lets the candidates claim places, each in an order of its own, as
// fast as their weights say, until each has as many as these give it. A claim
// for what is taken is lost: so it hardly matters to who has a place whether
// others are there. (In Maglev they claim until they get one; when one of a
// hundred targets leaves, half as many places again change hands.) Shares that
// are exact would move keys too, the more the fewer places a target has; so some
// may have a little more, one in a hundred of a hundred targets, and others less.
func newTable(candidates []Candidate) []uint16 {
	table := make([]uint16, places)
	var sum, heaviest float64
	for _, c := range candidates {
		sum += c.Weight
		heaviest = max(heaviest, c.Weight)
	}
	type claimer struct {
		name      uint16 // the number of its slot, from 1 on
		at, step  int
		pace, due float64
		quota     int
	}
	claimers := make([]claimer, len(candidates))
	before, given := 0.0, 0
	slack := min(0.1, float64(len(candidates))/8000)
	for i, c := range candidates {
		hash := identityOf(c.Instance).hash()
		before += c.Weight
		exact := int(math.Round(before/sum*places)) - given
		given += exact
		quota := max(1, exact+int(slack*float64(exact)))
		claimers[i] = claimer{uint16(i + 1), int(hash % places), 1 + int(mix(hash)%(places-1)), c.Weight / heaviest, 0, quota}
	}
	for left := places; left > 0; {
		claimers = slices.DeleteFunc(claimers, func(c claimer) bool { return c.quota == 0 })
		for range places/len(claimers)/8 + 1 { // rounds
			for i := range claimers {
				c := &claimers[i]
				if c.due += c.pace; c.due < 1 || c.quota == 0 {
					continue
				}
				c.due--
				if table[c.at] == 0 {
					table[c.at] = c.name
					c.quota--
					left--
				}
				if c.at += c.step; c.at >= places {
					c.at -= places
				}
			}
		}
	}
	return table
}
