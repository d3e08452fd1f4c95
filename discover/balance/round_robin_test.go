package balance

import (
	"strings"
	"sync"
	"testing"

	"github.com/realjf/muster/discover"
)

func TestRoundRobinIsExactAndSpread(t *testing.T) {
	for _, test := range []struct {
		name    string
		weights []int
		most    int // in a row of the heaviest
	}{
		{"alike", []int{1, 1, 1}, 1},
		{"alike, not 1", []int{7, 7}, 1},
		{"one", []int{3}, 100},
		{"two to one", []int{2, 1}, 2},
		{"five, one, one", []int{5, 1, 1}, 4},
		{"one heavy among many", []int{10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 2},
		{"percentages", []int{70, 25, 5}, 4},
		{"large", []int{65535, 1, 30000}, 4},
	} {
		candidates := newScene().candidates(some(len(test.weights), func(i int, instance *discover.Instance) { instance.Weights.Passing = test.weights[i] }))
		sum := 0
		for _, w := range test.weights {
			sum += w
		}
		for start := range uint64(5) {
			p := newRoundRobinPicker(candidates, start)
			count := make([]int, len(test.weights))
			var order strings.Builder
			for range sum {
				target := p.Pick(Request{})
				count[target.Port-8000]++
				order.WriteString(target.ID)
			}
			for i, w := range test.weights {
				if count[i] != w {
					t.Errorf("%s: of %d picks, %d got %d, want %d", test.name, sum, i, count[i], w)
				}
			}
			if strings.Contains(order.String(), strings.Repeat("0", test.most+1)) {
				t.Errorf("%s: more than %d in a row went to the first: %.100s", test.name, test.most, order.String())
			}
		}
	}
}

// Any stretch of picks gives each its share, not only a long one.
func TestRoundRobinIsEvenAtEveryMoment(t *testing.T) {
	weights := []float64{0.3, 1, 0.1, 2.5, 0.77}
	candidates := newScene().candidates(some(len(weights), nil))
	sum := 0.0
	for i := range candidates {
		candidates[i].Weight = weights[i]
		sum += weights[i]
	}
	p := newRoundRobinPicker(candidates, 11)
	count := make([]float64, len(weights))
	for n := 1; n <= 20_000; n++ {
		count[p.Pick(Request{}).Port-8000]++
		for i, w := range weights {
			if off := count[i] - float64(n)*w/sum; off > 4 || off < -4 {
				t.Fatalf("after %d picks, weight %v of %v is %.1f calls off its share", n, w, sum, off)
			}
		}
	}
}

// Of two of which one fails, half of the requests and no more begin with that one.
func TestWhoIsTriedAgainTakesNoTurn(t *testing.T) {
	p := newRoundRobinPicker(newScene().candidates(some(2, nil)), 0)
	count := map[string]int{}
	for range 10 {
		target := p.Pick(Request{})
		count[target.ID]++
		if target.ID == "0" {
			if again := p.Pick(Request{Tried: []*Target{target}}); again == target {
				t.Error("the one that was tried was chosen again")
			}
		}
	}
	if count["0"] != 5 {
		t.Errorf("at first %v were chosen, want each five times", count)
	}
}

func TestRoundRobinStaysEvenWhenManyPick(t *testing.T) {
	const callers, picks = 8, 20_000
	candidates := newScene().candidates(some(10, nil))
	p := newRoundRobinPicker(candidates, 0)
	p.turns.widen() // as if two had met
	counts := make([][10]int, callers)
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for range picks {
				counts[caller][p.Pick(Request{}).Port-8000]++
			}
		})
	}
	all.Wait()
	for i := range candidates {
		sum := 0
		for caller := range callers {
			sum += counts[caller][i]
		}
		if want := callers * picks / 10; sum < want-lanes || sum > want+lanes {
			t.Errorf("%d got %d, want %d up to one for each lane", i, sum, want)
		}
	}
}

func count(t *turns) uint64 {
	n, due := t.next()
	if due {
		t.look(n)
	}
	return n
}

func TestTurnsAreLostByNobody(t *testing.T) {
	turns := turns{period: 1}
	seen := make([]map[uint64]bool, 4)
	var all sync.WaitGroup
	for caller := range seen {
		seen[caller] = map[uint64]bool{}
		all.Go(func() {
			for turns.crowd.Load() == nil && len(seen[caller]) < 10_000 {
				if n := count(&turns); turns.crowd.Load() == nil {
					seen[caller][n] = true
				}
			}
		})
	}
	all.Wait()
	once := map[uint64]bool{}
	for _, numbers := range seen {
		for n := range numbers {
			if once[n] {
				t.Errorf("%d was given twice", n)
			}
			once[n] = true
		}
	}
}
