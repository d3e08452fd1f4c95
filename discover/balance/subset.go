package balance

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// SubsetConfig says which part of the targets a caller sees.
type SubsetConfig struct {
	Size    int // targets that a caller sees at the least; 0 means 20
	Caller  int // this caller's number, from 0 on, such as its place in the sorted list of callers
	Callers int // how many there are; 0 means 1
}

// Subset lets policy choose among some of the targets, others for each caller,
// so that not everybody connects to everybody. Each target still gets what its
// weight says, and one that comes or goes changes little. It follows Finagle's
// deterministic aperture. It panics when policy is nil, or cfg is not valid.
func Subset(cfg SubsetConfig, policy Policy) Policy {
	mustHave("Subset", policy)
	cfg.Size = cmp.Or(cfg.Size, 20)
	cfg.Callers = cmp.Or(cfg.Callers, 1)
	if cfg.Size < 0 || cfg.Caller < 0 || cfg.Caller >= cfg.Callers {
		panic(fmt.Sprintf("balance: Subset of caller %d of %d, with a size of %d: want callers from 0 on, below their number, and no negative size", cfg.Caller, cfg.Callers, cfg.Size))
	}
	return subset{cfg, policy}
}

// subset puts the targets on a circle, each on an arc as long as its weight, and the
// callers evenly around it. Each sees the same length of it, and of a target at an end
// the part that it sees. A target that comes or goes moves the ends of what a caller
// sees by one or two; only when another whole step of the callers is needed to see
// enough, all see that more. Of the subsets in Google's SRE book the random ones are
// uneven, and the deterministic ones change as a whole.
type subset struct {
	SubsetConfig
	policy Policy
}

// Plan implements [Policy].
func (s subset) Plan(candidates []Candidate, now time.Time) Plan {
	return s.policy.Plan(s.seen(candidates), now)
}

// seen returns the candidates in sight, with their weights as far as they are.
func (s subset) seen(candidates []Candidate) []Candidate {
	// How many times what there is for a caller it must see to see enough
	// targets: a whole number, so that every place is seen by as many.
	times := (s.Size*s.Callers + len(candidates) - 1) / len(candidates)
	if times >= s.Callers {
		return candidates
	}
	circle := around(candidates)
	var total float64
	for _, c := range circle {
		total += c.Weight
	}
	length := total / float64(s.Callers)
	begin := float64(s.Caller) * length
	end := begin + float64(times)*length
	var seen []Candidate
	at := 0.0
	for _, c := range circle {
		// The sight may go past the end of the circle, onto its beginning.
		if w := overlap(at, at+c.Weight, begin, end) + overlap(at+total, at+total+c.Weight, begin, end); w > total*1e-9 {
			seen = append(seen, Candidate{c.Target, w})
		}
		at += c.Weight
	}
	return seen
}

// around returns the candidates in an order that is the same for every caller,
// and has nothing to do with their names: neighbours are on different nodes.
func around(candidates []Candidate) []Candidate {
	type placed struct {
		Candidate
		place uint64
	}
	all := make([]placed, len(candidates))
	for i, c := range candidates {
		all[i] = placed{c, identityOf(c.Instance).hash()}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	circle := make([]Candidate, len(all))
	for i, one := range all {
		circle[i] = one.Candidate
	}
	return circle
}

// overlap returns how long two stretches are the same.
func overlap(begin, end, otherBegin, otherEnd float64) float64 {
	return max(0, min(end, otherEnd)-max(begin, otherBegin))
}
