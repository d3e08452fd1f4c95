package balance

import (
	"math/rand/v2"
	"time"
)

// PeakEWMA draws two targets by their weights and chooses the one expected to
// answer first: by how long its calls took lately, times how many are under way
// for its weight. A slow or failed call counts at once and fades over ten
// seconds. The rule is Finagle's. Above a thousand calls a second to a target,
// not all are timed.
func PeakEWMA() Policy { return peakEWMA{} }

type peakEWMA struct{}

// latencyRest is how often the averages of idle targets are let sink.
const latencyRest = latencyMemory / 10

// Plan implements [Policy].
func (peakEWMA) Plan(candidates []Candidate, now time.Time) Plan {
	plan := Plan{Picker: &peakEWMAPicker{newWheel(candidates)}, Feedback: Latency}
	for _, c := range candidates {
		c.load.latency.watch()
		if c.load.calls.running() > 0 || c.load.latency.rest(c.load.crowd.at(now)) {
			plan.Again = now.Add(latencyRest)
		}
	}
	return plan
}

type peakEWMAPicker struct{ wheel }

// Pick implements [Picker].
func (p *peakEWMAPicker) Pick(r Request) *Target { return p.choose(r, rand.Uint64()) }

func (p *peakEWMAPicker) choose(r Request, chance uint64) *Target {
	a, b := p.two(r, chance)
	chosen, other := a.target, b.target // both, so that the processor need not guess which
	if b.wait() < a.wait() {
		chosen = other
	}
	return chosen
}

// unknownWait is what a target with calls under way, none of which has ended
// yet, is taken to need.
const unknownWait = float64(time.Second)

// wait returns how long a call is expected to take, in nanoseconds.
func (s *slot) wait() float64 {
	average := s.load.latency.average()
	running := s.load.calls.running()
	if average == 0 && running > 0 {
		average = unknownWait
	}
	return average * (1 + float64(running)*s.lightness)
}
