package balance

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/realjf/muster/discover"
)

// scene is a set whose time a test sets by hand.
type scene struct {
	*Set
	now time.Time
}

func newScene() *scene { return &scene{NewSet(), time.Unix(1_000_000_000, 0)} }

// some returns n instances, each as change makes it.
func some(n int, change func(i int, instance *discover.Instance)) []discover.Instance {
	all := make([]discover.Instance, n)
	for i := range all {
		all[i] = discover.Instance{ID: strconv.Itoa(i), Service: "web", Node: "n", Address: "10.0.0.1", Port: 8000 + i,
			Status: discover.Passing, Weights: discover.Weights{Passing: 1, Warning: 1}}
		if change != nil {
			change(i, &all[i])
		}
	}
	return all
}

// candidates returns instances as a policy gets them.
func (s *scene) candidates(all []discover.Instance) []Candidate {
	return weigh(s.Update(all, s.now))
}

// plan lets policy plan over all.
func (s *scene) plan(policy Policy, all []discover.Instance) Plan {
	return s.Plan(policy, s.Update(all, s.now), s.now)
}

// keep is a policy that gives away what it was to choose from.
type keep struct{ candidates *[]Candidate }

func (k keep) Plan(candidates []Candidate, _ time.Time) Plan {
	*k.candidates = candidates
	return RoundRobin().Plan(candidates, time.Time{})
}

// weightsOf returns the weights of candidates by the id of their instance.
func weightsOf(candidates []Candidate) map[string]float64 {
	weights := map[string]float64{}
	for _, c := range candidates {
		weights[c.ID] += c.Weight
	}
	return weights
}

// evenly is a source of chance that leaves nothing to it: its numbers lie as
// far from each other as can be.
func evenly() func() uint64 {
	n := uint64(0)
	return func() uint64 {
		n += 0x9e3779b97f4a7c15
		return n
	}
}

// within fails unless got is want up to a part of it.
func within(t *testing.T, what string, got, want, part float64) {
	t.Helper()
	if math.Abs(got-want) > part*want {
		t.Errorf("%s: got %.5g, want %.5g up to %.2g of it", what, got, want, part)
	}
}

func TestWeightIsByStatus(t *testing.T) {
	all := some(4, func(i int, instance *discover.Instance) {
		instance.Weights = discover.Weights{Passing: 5, Warning: i}
		instance.Status = discover.Warning
		if i == 3 {
			instance.Status = discover.Passing
		}
	})
	got := weightsOf(newScene().candidates(all))
	if len(got) != 3 || got["1"] != 1 || got["2"] != 2 || got["3"] != 5 {
		t.Errorf("got the weights %v, want 1 and 2 for those that warn, 5 for the one that passes, none for the warning 0", got)
	}
}
