package balance

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/realjf/muster/discover"
)

const keys = 100_000

// owners returns which target each of many keys has.
func owners(picker Picker) []string {
	owners := make([]string, keys)
	for key := range owners {
		owners[key] = picker.Pick(Request{Key: Key("user-" + strconv.Itoa(key))}).ID
	}
	return owners
}

func TestHashPlacesFollowTheWeights(t *testing.T) {
	for _, test := range []struct {
		targets     int
		least, most float64 // of what the weight gives
	}{{3, 0.99, 1.01}, {10, 0.99, 1.01}, {30, 0.95, 1.01}, {100, 0.9, 1.02}, {300, 0.8, 1.05}} {
		all := some(test.targets, func(i int, instance *discover.Instance) { instance.Weights.Passing = 1 + i%3 })
		count := make([]float64, test.targets)
		for _, name := range newTable(newScene().candidates(all)) {
			count[name-1]++
		}
		sum := 0.0
		for _, instance := range all {
			sum += float64(instance.Weights.Passing)
		}
		for i := range all {
			if got := count[i] / (places * float64(all[i].Weights.Passing) / sum); got < test.least || got > test.most {
				t.Errorf("%d targets: one has %.3f of its places, want %v to %v", test.targets, got, test.least, test.most)
			}
		}
	}
}

func TestHashMovesFewKeys(t *testing.T) {
	for _, test := range []struct {
		n    int
		most float64 // of one in n
	}{{5, 1.3}, {10, 1.3}, {30, 1.3}, {99, 1.3}, {100, 1.3}, {300, 1.5}} {
		n := test.n
		all := some(n, nil)
		before := owners(newScene().plan(ConsistentHash(HashConfig{}), all).Picker)
		for gone := 0; gone < n; gone += max(1, n/5) {
			fewer := slices.Delete(slices.Clone(all), gone, gone+1)
			after := owners(newScene().plan(ConsistentHash(HashConfig{}), fewer).Picker)
			moved := 0
			for key, owner := range before {
				if after[key] != owner {
					moved++
				}
			}
			if got := float64(moved) * float64(n) / keys; got > test.most {
				t.Errorf("one of %d left: %d of %d keys moved, %.2f / n, want at most %v / n", n, moved, keys, got, test.most)
			}
		}
	}
}

// Every process and every run agrees: these are what clients of other versions
// have too.
func TestHashIsTheSameEverywhere(t *testing.T) {
	picker := newScene().plan(ConsistentHash(HashConfig{}), some(10, nil)).Picker
	var got []string
	for _, user := range []string{"ann", "bob", "carl", "dora", "emil", "fay", "gus"} {
		got = append(got, picker.Pick(Request{Key: Key(user)}).ID)
	}
	if want := []string{"4", "1", "1", "1", "1", "6", "7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHashBoundsTheLoad(t *testing.T) {
	for _, bound := range []float64{1, 1.25, 2} {
		s := newScene()
		all := some(20, func(i int, instance *discover.Instance) { instance.Weights.Passing = 1 + i%4 })
		picker := s.plan(ConsistentHash(HashConfig{Bound: bound}), all).Picker
		sum := 0
		for _, instance := range all {
			sum += instance.Weights.Passing
		}
		var calls []Call
		for n := range 3000 {
			key := Key("hot")
			if n%3 == 0 {
				key = uint64(n)
			}
			target := picker.Pick(Request{Key: key})
			calls = append(calls, target.Start())
			if n%5 == 4 { // some end
				calls[0].Done(nil)
				calls = calls[1:]
			}
			if n%5 == 4 {
				continue // the bound is of the moment that a call begins
			}
			most := math.Ceil(bound*float64(len(calls))*float64(target.Weights.Passing)/float64(sum) - 1e-9)
			if float64(target.Running()) > most {
				t.Fatalf("bound %v: a target of weight %d has %d of %d calls, want at most %v", bound, target.Weights.Passing, target.Running(), len(calls), most)
			}
		}
	}
}

func TestHashWithoutABoundStays(t *testing.T) {
	s := newScene()
	plan := s.plan(ConsistentHash(HashConfig{Bound: math.Inf(1)}), some(5, nil))
	if plan.Feedback != 0 {
		t.Errorf("it asks for feedback %b", plan.Feedback)
	}
	first := plan.Picker.Pick(Request{Key: 7})
	for range 1000 {
		first.Start()
	}
	if again := plan.Picker.Pick(Request{Key: 7}); again != first {
		t.Errorf("the key went to %s, want %s", again.ID, first.ID)
	}
}

func TestHashKeepsItsTable(t *testing.T) {
	s := newScene()
	table := func(all []discover.Instance) *uint16 {
		return &s.plan(ConsistentHash(HashConfig{}), all).Picker.(*hashPicker).table[0]
	}
	weighing := func(w int) []discover.Instance {
		return some(3, func(i int, instance *discover.Instance) { instance.Weights.Passing = 1 + i*w })
	}
	first := table(weighing(1))
	if table(weighing(1)) != first {
		t.Error("nothing changed, and there is another table")
	}
	if table(weighing(2)) == first || table(weighing(2)[:2]) == first {
		t.Error("weights or targets changed, and the table did not")
	}
}

// A full target's keys go to many others, and each key to the same one.
func TestHashOverflowsEvenly(t *testing.T) {
	s := newScene()
	picker := s.plan(ConsistentHash(HashConfig{}), some(10, nil)).Picker.(*hashPicker)
	full := picker.slots[3].target
	for range 100 {
		full.Start()
	}
	to := map[string]int{}
	for key := range uint64(10_000) {
		hash := mix(key + 1)
		if picker.slots[picker.owner(hash)].target != full {
			continue
		}
		target := picker.Pick(Request{Key: key + 1})
		if again := picker.Pick(Request{Key: key + 1}); again != target {
			t.Fatalf("key %d went to %s, then to %s", key+1, target.ID, again.ID)
		}
		to[target.ID]++
	}
	if to["3"] > 0 || len(to) != 9 {
		t.Errorf("the keys of a full target went to %v, want all nine others", to)
	}
}
