package balance

import (
	"math"
	"math/rand/v2"
	"time"
)

// Zone chooses in the caller's own zone ([discover.Instance.Zone]) as far as
// that can bear it, and elsewhere beyond, so that each target gets what its
// weight says (Envoy's zone aware routing). Callers are taken to be spread
// evenly over the zones. A request that tried all of the own zone goes
// elsewhere. It panics when policy is nil.
func Zone(own string, policy Policy) Policy { return ZoneOfCallers(own, nil, policy) }

// ZoneOfCallers is [Zone] for callers that are not spread evenly: callers
// returns how many there are in each zone. It is called at every plan, and must
// not block.
func ZoneOfCallers(own string, callers func() map[string]float64, policy Policy) Policy {
	mustHave("Zone", policy)
	return zone{own, callers, policy}
}

// zone sends what is too much for the own zone, where that has a smaller part of the
// weights than of the callers, to the zones that have more than they need, in the
// ratio of what they have left. Targets of no zone are nobody's own.
type zone struct {
	own     string
	callers func() map[string]float64
	policy  Policy
}

// Plan implements [Policy].
func (z zone) Plan(candidates []Candidate, now time.Time) Plan {
	capacity := map[string]float64{}
	var near, far []Candidate
	for _, c := range candidates {
		name := c.Zone()
		capacity[name] += c.Weight
		if name == z.own && name != "" {
			near = append(near, c)
		} else {
			far = append(far, c)
		}
	}
	if len(near) == 0 || len(far) == 0 {
		return z.policy.Plan(candidates, now)
	}
	stay, spill := spillOver(z.own, z.spread(capacity), capacity)
	away := make([]Candidate, 0, len(far))
	for _, c := range far {
		if w := c.Weight * spill[c.Zone()] / capacity[c.Zone()]; w > 0 {
			away = append(away, Candidate{c.Target, w})
		}
	}
	if len(away) == 0 { // nothing spills: only who tried all of the own zone goes there
		away = far
	}
	inside, outside := z.policy.Plan(near, now), z.policy.Plan(away, now)
	return Plan{
		Picker:   &zonePicker{inside.Picker, outside.Picker, fraction(stay)},
		Again:    earlier(inside.Again, outside.Again),
		Feedback: inside.Feedback | outside.Feedback,
	}
}

// spread returns how many callers there are in each zone.
func (z zone) spread(capacity map[string]float64) map[string]float64 {
	if z.callers != nil {
		if callers := z.callers(); callers[z.own] > 0 {
			return callers
		}
	}
	callers := map[string]float64{z.own: 1}
	for name := range capacity {
		if name != "" {
			callers[name] = 1
		}
	}
	return callers
}

// spillOver returns the share of calls that stays in the zone own, and the
// shares of all calls of that zone that go to the others.
func spillOver(own string, callers, capacity map[string]float64) (stay float64, spill map[string]float64) {
	var allCallers, allCapacity float64
	for _, n := range callers {
		allCallers += n
	}
	for _, w := range capacity {
		allCapacity += w
	}
	stay = min(1, capacity[own]/allCapacity/(callers[own]/allCallers))
	// What each zone has left once it has borne its own callers.
	spill = map[string]float64{}
	var left float64
	for name, w := range capacity {
		if rest := w/allCapacity - callers[name]/allCallers; rest > 1e-9 && name != own {
			spill[name] = rest
			left += rest
		}
	}
	if stay > 1-1e-9 || left == 0 {
		return 1, nil
	}
	for name := range spill {
		spill[name] *= (1 - stay) / left
	}
	return stay, spill
}

// fraction returns a share of the largest number.
func fraction(share float64) uint64 {
	if share >= 1 {
		return math.MaxUint64
	}
	return uint64(share * (1 << 64))
}

type zonePicker struct {
	near, far Picker
	stay      uint64 // of 2^64
}

// Pick implements [Picker].
func (p *zonePicker) Pick(r Request) *Target {
	if p.stay == math.MaxUint64 {
		return p.choose(r, 0)
	}
	return p.choose(r, rand.Uint64())
}

func (p *zonePicker) choose(r Request, chance uint64) *Target {
	if r.Key != 0 { // the same key stays or goes, each time
		chance = mix(^r.Key)
	}
	first, second := p.near, p.far
	if chance > p.stay {
		first, second = second, first
	}
	t := first.Pick(r)
	if len(r.Tried) > 0 && r.tried(t) {
		return second.Pick(r)
	}
	return t
}
