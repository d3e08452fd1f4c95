package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	"github.com/go-kratos/kratos/v2/registry"
	"github.com/go-kratos/kratos/v2/selector"
	"github.com/go-kratos/kratos/v2/selector/p2c"
	kratosrandom "github.com/go-kratos/kratos/v2/selector/random"
	"github.com/go-kratos/kratos/v2/selector/wrr"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// size is how many instances there are to choose from.
const size = 100

// contenders returns all rows, of which the first two are what the others are
// compared with, and what ends them.
func contenders() (all []contender, end func(), err error) {
	var closers []func() error
	all = append(all, counter(), chance())
	for _, ours := range []struct {
		name, goal string
		policy     balance.Policy
		weights    bool
		call       bool
	}{
		{"round robin", "1.3 × the counter, 1.5 × chance", balance.RoundRobin(), false, false},
		{"round robin, weighted", "20 ns", balance.RoundRobin(), true, false},
		{"random", "", balance.Random(), false, false},
		{"random, weighted", "20 ns", balance.Random(), true, false},
		{"least request", "", balance.LeastRequest(), false, false},
		{"least request, weighted", "", balance.LeastRequest(), true, false},
		{"Peak EWMA", "30 ns", balance.PeakEWMA(), false, false},
		{"consistent hash", "60 ns", balance.ConsistentHash(balance.HashConfig{}), false, false},
		{"zone, with spill-over, of round robin", "30 ns", balance.Zone("zone-0", balance.RoundRobin()), false, false},
		{"outlier, slow start and zone of least request", "", balance.Outlier(balance.OutlierConfig{}, balance.SlowStart(1, balance.Zone("zone-0", balance.LeastRequest()))), false, false},
		{"round robin, with `Start` and `Done`", "", balance.RoundRobin(), false, true},
		{"Peak EWMA, with `Start` and `Done`", "", balance.PeakEWMA(), false, true},
	} {
		watcher := discover.Watch(discover.Fixed(instances(ours.weights)...), discover.Query{Service: "web"}, discover.WatchConfig{})
		balancer := balance.New(watcher, ours.policy)
		closers = append(closers, balancer.Close, watcher.Close)
		ctx := context.Background()
		if _, err := balancer.Pick(ctx, balance.Request{}); err != nil {
			return nil, nil, err
		}
		pick := func(key uint64) {
			if _, err := balancer.Pick(ctx, balance.Request{Key: key}); err != nil {
				panic(err) // there are instances
			}
		}
		if ours.call {
			pick = func(key uint64) {
				target, err := balancer.Pick(ctx, balance.Request{Key: key})
				if err != nil {
					panic(err)
				}
				target.Start().Done(nil)
			}
		}
		all = append(all, contender{name: "**" + ours.name + "**", goal: ours.goal, pick: pick})
	}
	all = append(all, kit()...)
	all = append(all,
		kratos("Kratos 2, wrr", wrr.New()), kratos("Kratos 2, random", kratosrandom.New()), kratos("Kratos 2, p2c (EWMA), with its done", p2c.New()))
	return all, func() {
		var errs []error
		for _, closer := range closers {
			errs = append(errs, closer())
		}
		if err := errors.Join(errs...); err != nil {
			panic(err)
		}
	}, nil
}

func instances(weights bool) []discover.Instance {
	all := make([]discover.Instance, size)
	for i := range all {
		all[i] = discover.Instance{ID: fmt.Sprintf("web-%d", i), Service: "web", Address: "10.0.0.1", Port: 1000 + i,
			Weights: discover.Weights{Passing: 1}, Meta: map[string]string{"zone": fmt.Sprintf("zone-%d", min(i/20, 3))}}
		if weights {
			all[i].Weights.Passing += i % 7
		}
	}
	return all
}

//go:noinline
func use(*discover.Instance) {}

// counter is the least that choosing in turn can cost.
func counter() contender {
	var list atomic.Pointer[[]discover.Instance]
	all := instances(false)
	list.Store(&all)
	var next atomic.Uint64
	return contender{name: "*a shared counter and an index*", pick: func(uint64) {
		list := *list.Load()
		use(&list[next.Add(1)%uint64(len(list))])
	}}
}

// chance is the least that choosing by chance can cost.
func chance() contender {
	var list atomic.Pointer[[]discover.Instance]
	all := instances(false)
	list.Store(&all)
	return contender{name: "*chance and an index*", pick: func(uint64) {
		list := *list.Load()
		use(&list[rand.IntN(len(list))])
	}}
}

func kit() []contender {
	endpoints := make(sd.FixedEndpointer, size)
	for i := range endpoints {
		endpoints[i] = endpoint.Nop
	}
	row := func(name string, balancer lb.Balancer) contender {
		return contender{name: name, pick: func(uint64) {
			if _, err := balancer.Endpoint(); err != nil {
				panic(err)
			}
		}}
	}
	return []contender{row("go-kit, round robin", lb.NewRoundRobin(endpoints)), row("go-kit, random", lb.NewRandom(endpoints, 1))}
}

func kratos(name string, s selector.Selector) contender {
	nodes := make([]selector.Node, size)
	for i, instance := range instances(false) {
		nodes[i] = selector.NewNode("http", instance.HostPort(), &registry.ServiceInstance{ID: instance.ID, Name: "web"})
	}
	s.Apply(nodes)
	ctx := context.Background()
	return contender{name: name, slow: true, pick: func(uint64) {
		_, done, err := s.Select(ctx)
		if err != nil {
			panic(err)
		}
		done(ctx, selector.DoneInfo{})
	}}
}
