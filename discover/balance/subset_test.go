package balance

import (
	"testing"

	"github.com/realjf/muster/discover"
)

// views returns what each of many callers sees of all.
func views(cfg SubsetConfig, all []discover.Instance) []map[string]float64 {
	views := make([]map[string]float64, cfg.Callers)
	for caller := range views {
		cfg.Caller = caller
		var seen []Candidate
		newScene().plan(Subset(cfg, keep{&seen}), all)
		views[caller] = weightsOf(seen)
	}
	return views
}

func TestSubsetsCoverAllEvenly(t *testing.T) {
	for _, test := range []struct{ callers, targets, size int }{
		{10, 100, 10}, {7, 100, 20}, {100, 10, 5}, {33, 47, 12}, {3, 300, 20}, {1, 50, 20}, {50, 1, 20},
	} {
		all := some(test.targets, func(i int, instance *discover.Instance) { instance.Weights.Passing = 1 + i%3 })
		load := map[string]float64{}
		for caller, seen := range views(SubsetConfig{Size: test.size, Callers: test.callers}, all) {
			if len(seen) < min(test.size, test.targets)*2/3 { // heavy ones fill the same length
				t.Errorf("%v: caller %d sees %d targets", test, caller, len(seen))
			}
			sum := 0.0
			for _, w := range seen {
				sum += w
			}
			for id, w := range seen {
				load[id] += w / sum
			}
		}
		sum := 0.0
		for _, instance := range all {
			sum += float64(instance.Weights.Passing)
		}
		for _, instance := range all {
			within(t, "load of one", load[instance.ID], float64(test.callers)*float64(instance.Weights.Passing)/sum, 1e-6)
		}
	}
}

func TestSubsetsAreSmall(t *testing.T) {
	for _, seen := range views(SubsetConfig{Size: 20, Callers: 50}, some(1000, nil)) {
		if len(seen) < 20 || len(seen) > 22 {
			t.Fatalf("a caller that needs 20 of 1000 sees %d", len(seen))
		}
	}
}

func TestSubsetsAreStable(t *testing.T) {
	all := some(200, nil)
	cfg := SubsetConfig{Size: 18, Callers: 40}
	before := views(cfg, all)
	for gone := 0; gone < len(all); gone += 7 {
		fewer := append(append([]discover.Instance{}, all[:gone]...), all[gone+1:]...)
		for caller, after := range views(cfg, fewer) {
			added := 0
			for id := range after {
				if before[caller][id] == 0 {
					added++
				}
			}
			if added > 2 {
				t.Errorf("without %d, caller %d sees %d others than before, want at most 2", gone, caller, added)
			}
		}
	}
}
