package balance

import (
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"github.com/realjf/muster/discover"
)

func TestWheelGivesEachItsPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0.001, 1000), 1, 50).Draw(t, "weights")
		if rapid.Bool().Draw(t, "whole") {
			for i := range weights {
				weights[i] = float64(1 + int(weights[i]))
			}
		}
		candidates := newScene().candidates(some(len(weights), nil))
		sum := 0.0
		for i, w := range weights {
			candidates[i].Weight = w
			sum += w
		}
		w := newWheel(candidates)
		begin := uint64(0)
		for i := range w.slots {
			width := w.slots[i].width
			if want := weights[i] / sum; float64(width)/float64(w.total) < want*0.999-1e-9 || float64(width)/float64(w.total) > want*1.001+1e-9 {
				t.Fatalf("slot %d has %d of %d, want %v of it", i, width, w.total, want)
			}
			for _, position := range []uint64{begin, begin + width - 1} {
				point, _ := bits.Div64(position, 0, w.total)
				if got := w.at(point + 1); got != i {
					t.Fatalf("a point in position %d is in slot %d, want %d", position, got, i)
				}
				if w.ends == nil {
					continue
				}
				if got := w.search(position*w.unit, position); got != i {
					t.Fatalf("position %d is in slot %d, want %d", position, got, i)
				}
			}
			begin += width
		}
		if begin != w.total {
			t.Fatalf("the parts are %d together, the rim is %d", begin, w.total)
		}
	})
}

func TestTheOtherOfTwoIsAnother(t *testing.T) {
	for _, weights := range [][]int{{1}, {1, 1}, {1, 1, 1}, {5, 1, 2}, {1, 300}} {
		w := newWheel(newScene().candidates(some(len(weights), func(i int, instance *discover.Instance) { instance.Weights.Passing = weights[i] })))
		const draws = 100_000
		for i := range weights {
			count := make([]int, len(weights))
			for chance, n := evenly(), 0; n < draws; n++ {
				count[w.other(i, chance())]++
			}
			rest := 0
			for k, weight := range weights {
				if k != i {
					rest += weight
				}
			}
			for k, weight := range weights {
				switch {
				case len(weights) == 1:
				case k == i && count[k] > 0:
					t.Errorf("of %v without %d, it was drawn itself", weights, i)
				case k != i:
					within(t, "the other's share", float64(count[k]), draws*float64(weight)/float64(rest), 0.01)
				}
			}
		}
	}
}

func TestWhoIsTriedAgainIsDrawnByWeight(t *testing.T) {
	candidates := newScene().candidates(some(4, func(i int, instance *discover.Instance) { instance.Weights.Passing = i + 1 }))
	w := newWheel(candidates)
	r := Request{Tried: []*Target{candidates[1].Target}}
	count := make([]float64, 4)
	const draws = 80_000
	for chance, n := evenly(), 0; n < draws; n++ {
		count[w.untried(r, chance()).target.Port-8000]++
	}
	within(t, "weight 1 of 8", count[0], draws/8, 0.01)
	within(t, "weight 3 of 8", count[2], draws*3/8, 0.01)
	within(t, "weight 4 of 8", count[3], draws/2, 0.01)
	if count[1] > 0 {
		t.Errorf("the one that was tried was drawn %v times", count[1])
	}
}
