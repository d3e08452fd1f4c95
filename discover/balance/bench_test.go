package balance_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// BenchmarkPick takes the whole way through a balancer, choosing one of 100.
// The first rows are what to compare with: the least that could be done.
func BenchmarkPick(b *testing.B) {
	b.Run("reference/counter", func(b *testing.B) {
		var list atomic.Pointer[[]discover.Instance]
		all := instances(100)
		list.Store(&all)
		var next atomic.Uint64
		both(b, func(uint64) {
			list := *list.Load()
			used(&list[next.Add(1)%uint64(len(list))])
		})
	})
	b.Run("reference/chance", func(b *testing.B) {
		var list atomic.Pointer[[]discover.Instance]
		all := instances(100)
		list.Store(&all)
		both(b, func(uint64) {
			list := *list.Load()
			used(&list[rand.IntN(len(list))])
		})
	})
	for _, test := range []struct {
		name    string
		policy  balance.Policy
		weights func(i int) int
	}{
		{"round_robin", balance.RoundRobin(), one},
		{"round_robin, weighted", balance.RoundRobin(), unlike},
		{"random", balance.Random(), one},
		{"random, weighted", balance.Random(), unlike},
		{"least_request", balance.LeastRequest(), one},
		{"least_request, weighted", balance.LeastRequest(), unlike},
		{"peak_ewma", balance.PeakEWMA(), one},
		{"peak_ewma, weighted", balance.PeakEWMA(), unlike},
	} {
		b.Run(test.name, func(b *testing.B) {
			all := instances(100)
			for i := range all {
				all[i].Weights.Passing = test.weights(i)
			}
			balancer := over(b, test.policy, all)
			ctx := b.Context()
			both(b, func(key uint64) {
				target, err := balancer.Pick(ctx, balance.Request{Key: key})
				if err != nil {
					b.Fatal(err)
				}
				used(&target.Instance)
			})
		})
	}
}

// BenchmarkCall takes a pick and what is told of the call.
func BenchmarkCall(b *testing.B) {
	for name, policy := range map[string]balance.Policy{
		"round_robin":   balance.RoundRobin(),
		"least_request": balance.LeastRequest(),
		"peak_ewma":     balance.PeakEWMA(),
	} {
		b.Run(name, func(b *testing.B) {
			balancer := over(b, policy, instances(100))
			ctx := b.Context()
			both(b, func(key uint64) {
				target, err := balancer.Pick(ctx, balance.Request{Key: key})
				if err != nil {
					b.Fatal(err)
				}
				target.Start().Done(nil)
			})
		})
	}
}

func one(int) int      { return 1 }
func unlike(i int) int { return 1 + i%7 }

//go:noinline
func used(*discover.Instance) {}

// both takes what one goroutine needs, and what as many as there are
// processors need.
func both(b *testing.B, pick func(key uint64)) {
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		key := uint64(0)
		for b.Loop() {
			key++
			pick(key)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for key := rand.Uint64(); pb.Next(); key++ {
				pick(key)
			}
		})
	})
}

// over returns a balancer over instances that stay.
func over(b *testing.B, policy balance.Policy, all []discover.Instance) *balance.Balancer {
	watcher := discover.Watch(discover.Fixed(all...), discover.Query{Service: "web"}, discover.WatchConfig{})
	balancer := balance.New(watcher, policy)
	b.Cleanup(func() { _, _ = balancer.Close(), watcher.Close() })
	if _, err := balancer.Pick(b.Context(), balance.Request{}); err != nil {
		b.Fatal(err)
	}
	return balancer
}
