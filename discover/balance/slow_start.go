package balance

import "time"

// SlowStart raises the weight of a new instance over window, from a tenth on,
// so that cold caches are not overrun. Those of the first answer are not new,
// nor those after there were none. It panics when policy is nil.
func SlowStart(window time.Duration, policy Policy) Policy {
	mustHave("SlowStart", policy)
	return slowStart{window, policy}
}

type slowStart struct {
	window time.Duration
	policy Policy
}

const (
	// slowStartLeast is the part of its weight that an instance begins with: one
	// without any would not warm up.
	slowStartLeast = 0.1
	// slowStartSteps is in how many steps the weight grows.
	slowStartSteps = 50
)

// Plan implements [Policy].
func (s slowStart) Plan(candidates []Candidate, now time.Time) Plan {
	var again time.Time
	slowed := make([]Candidate, len(candidates))
	for i, c := range candidates {
		slowed[i] = c
		if age := now.Sub(c.load.born); c.load.late && age < s.window {
			slowed[i].Weight *= max(slowStartLeast, float64(age)/float64(s.window))
			again = now.Add(max(s.window/slowStartSteps, 10*time.Millisecond))
		}
	}
	plan := s.policy.Plan(slowed, now)
	plan.Again = earlier(plan.Again, again)
	return plan
}
