package discovertest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// TestPolicy checks that a policy keeps the promises of [balance.Policy] and
// [balance.Picker] over instances that are all alike but for their names and
// weights, and that it obeys the weights.
func TestPolicy(t *testing.T, policy balance.Policy) {
	tests := []struct {
		name string
		test func(t *testing.T, policy balance.Policy)
	}{
		{"what is there is chosen, and nothing else, as it comes and goes", testChoice},
		{"what was tried is not tried again while there is another", testTried},
		{"weights are obeyed", testWeights},
		{"what is always tried leaves to each of the others what its weight says", testLeft},
		{"without a weight there is nothing, unless nobody has one", testNoWeight},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.test(t, policy) })
		})
	}
	t.Run("many may choose at once, while instances change", func(t *testing.T) { testCrowd(t, policy) })
	t.Run("a call allocates nothing", func(t *testing.T) { testAllocations(t, policy) })
}

func testChoice(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy)
	for _, n := range []int{3, 1, 5, 4, 40} {
		b.set(weighing(slices.Repeat([]int{1}, n)...)...)
		count := b.calls(500 * n)
		for i := range n {
			if count[fmt.Sprint(i)] == 0 {
				t.Errorf("%d instances: %d was never chosen", n, i)
			}
			delete(count, fmt.Sprint(i))
		}
		if len(count) > 0 {
			t.Errorf("%d instances: what is not there was chosen: %v", n, count)
		}
	}
	b.set()
	if target, err := b.Pick(t.Context(), balance.Request{}); !errors.Is(err, balance.ErrNoInstance) {
		t.Errorf("without instances: got %v, error %v; want ErrNoInstance", target, err)
	}
}

func testTried(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy)
	all := weighing(1, 4, 1, 9)
	b.set(all...)
	for key := range uint64(100) {
		r := balance.Request{Key: key}
		for range all {
			target := b.pick(r)
			if slices.Contains(r.Tried, target) {
				t.Fatalf("key %d: %s was chosen again, with %d of %d tried", key, target.ID, len(r.Tried), len(all))
			}
			r.Tried = append(r.Tried, target)
		}
		b.pick(r) // all were tried: any is good, none is not
	}

	// A change of what the registry says of an instance makes no other of it.
	var r balance.Request
	for range all[1:] {
		r.Tried = append(r.Tried, b.pick(r))
	}
	last := b.pick(r).ID
	for i := range all {
		all[i].Tags = []string{"new"}
	}
	b.set(all...)
	if again := b.pick(r).ID; again != last {
		t.Errorf("after all were tagged, %s was chosen again; want %s, which alone was not tried", again, last)
	}
}

func testWeights(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy)
	for _, weights := range [][]int{{1, 2, 3}, {5, 0, 5}} {
		b.set(weighing(weights...)...)
		const calls = 100_000 // by chance alone, 5 % off is seven standard deviations
		count := b.calls(calls)
		sum := 0
		for _, w := range weights {
			sum += w
		}
		for i, w := range weights {
			got, want := float64(count[fmt.Sprint(i)]), float64(calls*w)/float64(sum)
			if got < 0.95*want || got > 1.05*want {
				t.Errorf("of the weights %v, %d got %.4f of its share", weights, i, got/want)
			}
		}
	}
}

// testLeft has calls that never stay with some of the instances, as where these
// always fail or take no connections: what would be theirs is for all that are left,
// not for those alone that come next.
func testLeft(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy)
	for _, test := range []struct{ weights, always []int }{
		{[]int{1, 1, 1, 1}, []int{0}},
		{[]int{1, 1, 1, 1, 1}, []int{1, 2}},
		{[]int{4, 1, 2, 3}, []int{0}},
		{[]int{4, 1, 2, 3}, []int{3}},
	} {
		b.set(weighing(test.weights...)...)
		// By chance alone, 10 % off is six standard deviations. A policy that draws two
		// and takes the one that was never called for the quicker has the heavier of
		// the others some percent below their weights.
		const calls, off = 20_000, 0.25
		count := b.callsPast(calls, test.always...)
		sum := 0
		for i, w := range test.weights {
			if !slices.Contains(test.always, i) {
				sum += w
			}
		}
		for i, w := range test.weights {
			got, want := float64(count[fmt.Sprint(i)]), float64(calls*w)/float64(sum)
			if slices.Contains(test.always, i) {
				want = 0
			}
			if got < (1-off)*want || got > (1+off)*want {
				t.Errorf("of the weights %v without those of %v, %d got %v calls, want %.0f", test.weights, test.always, i, got, want)
			}
		}
	}
}

func testNoWeight(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy)
	b.set(weighing(0, 1, 0)...)
	if count := b.calls(300); count["1"] != 300 {
		t.Errorf("of the weights 0, 1, 0: got %v, want all for 1", count)
	}
	b.set(weighing(0, 0, 0)...)
	if count := b.calls(3000); len(count) != 3 {
		t.Errorf("of the weights 0, 0, 0: got %v, want some for each", count)
	}
}

func testCrowd(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy, weighing(1, 2, 3)...)
	broken := errors.New("broken")
	seen := make([][]*balance.Target, 4)
	var callers sync.WaitGroup
	for caller := range seen {
		callers.Go(func() { // ends after its calls
			for i := range 3000 {
				r := balance.Request{Key: uint64(i)}
				for range 1 + i%2 { // one that fails is tried elsewhere
					target, err := b.Pick(t.Context(), r)
					if err != nil {
						t.Errorf("Pick: %v", err)
						return
					}
					r.Tried = append(r.Tried, target)
					call := target.Start()
					if i%7 == caller {
						call.Done(broken)
					} else {
						call.Done(nil)
					}
				}
				seen[caller] = append(seen[caller], r.Tried...)
			}
		})
	}
	for n := range 40 {
		b.source.Set("web", weighing(slices.Repeat([]int{n%4 + 1}, n%5+1)...)...)
	}
	callers.Wait()
	for _, target := range slices.Concat(seen...) {
		if target.Running() != 0 {
			t.Fatalf("%s has %d calls under way after all have ended", target.ID, target.Running())
		}
	}
}

func testAllocations(t *testing.T, policy balance.Policy) {
	b := newBench(t, policy, weighing(1, 2, 3, 4, 5)...)
	tried := []*balance.Target{b.pick(balance.Request{})}
	for _, r := range []balance.Request{{}, {Key: 7}, {Key: 7, Tried: tried}} {
		if n := testing.AllocsPerRun(1000, func() { b.pick(r).Start().Done(nil) }); n != 0 {
			t.Errorf("a call with key %d and %d tried allocates %v times, want 0", r.Key, len(r.Tried), n)
		}
	}
}

// bench is a balancer over instances that a test sets.
type bench struct {
	*balance.Balancer
	t      *testing.T
	source *Hand
	key    uint64
}

func newBench(t *testing.T, policy balance.Policy, all ...discover.Instance) *bench {
	source := NewHand()
	source.Set("web", all...)
	watcher := discover.Watch(source, discover.Query{Service: "web"}, discover.WatchConfig{})
	b := &bench{Balancer: balance.New(watcher, policy), t: t, source: source}
	t.Cleanup(func() {
		if err := errors.Join(b.Close(), watcher.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// set changes the instances. In a bubble of synctest, it waits until the
// balancer has them and nobody counts as new any more.
func (b *bench) set(all ...discover.Instance) {
	b.source.Set("web", all...)
	time.Sleep(10 * time.Minute)
	synctest.Wait()
}

func (b *bench) pick(r balance.Request) *balance.Target {
	b.t.Helper()
	target, err := b.Pick(b.t.Context(), r)
	if err != nil {
		b.t.Fatalf("Pick: %v", err)
	}
	return target
}

// calls makes n calls that succeed, each with a key of its own, and returns how
// many each instance got.
func (b *bench) calls(n int) map[string]int {
	b.t.Helper()
	return b.callsPast(n)
}

// callsPast is calls, each picked again as long as it is for one of some instances,
// which are then tried.
func (b *bench) callsPast(n int, some ...int) map[string]int {
	b.t.Helper()
	count := map[*balance.Target]int{}
	for range n {
		b.key++
		r := balance.Request{Key: b.key}
		target := b.pick(r)
		for slices.Contains(some, target.Port-firstPort) && len(r.Tried) < len(some) {
			r.Tried = append(r.Tried, target)
			target = b.pick(r)
		}
		target.Start().Done(nil)
		count[target]++
	}
	byID := map[string]int{}
	for target, n := range count {
		byID[target.ID] += n
	}
	return byID
}

// firstPort is the port of instance 0.
const firstPort = 8000

// weighing returns instances with the weights, whose ids are their numbers.
func weighing(weights ...int) []discover.Instance {
	all := make([]discover.Instance, len(weights))
	for i, w := range weights {
		all[i] = discover.Instance{ID: fmt.Sprint(i), Service: "web", Address: "10.0.0.1", Port: firstPort + i, Status: discover.Passing,
			Weights: discover.Weights{Passing: w, Warning: 1}}
	}
	return all
}
