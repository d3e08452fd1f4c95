package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

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

// contenders returns all rows, those of the floor first, and what ends them.
func contenders() (all []contender, end func(), err error) {
	var closers []func() error
	all = append(all, counter(), chance(), least(), clocks())
	for _, ours := range []struct {
		kind       kind
		name, goal string
		policy     balance.Policy
		weights    bool
		told       told
	}{
		{inTurn, "round robin", "1.3 × the least, 1.5 × chance", balance.RoundRobin(), false, nothing},
		{inTurnByWeight, "round robin, weighted", "20 ns", balance.RoundRobin(), true, nothing},
		{byChance, "random", "", balance.Random(), false, nothing},
		{byChance, "random, weighted", "20 ns", balance.Random(), true, nothing},
		{fewerCalls, "least request", "", balance.LeastRequest(), false, nothing},
		{fewerCalls, "least request, weighted", "", balance.LeastRequest(), true, nothing},
		{sooner, "Peak EWMA", "30 ns", balance.PeakEWMA(), false, nothing},
		{byKey, "consistent hash", "60 ns", balance.ConsistentHash(balance.HashConfig{}), false, nothing},
		{byKey, "consistent hash, of a text", "", balance.ConsistentHash(balance.HashConfig{}), false, keyed},
		{others, "zone, with spill-over, of round robin", "30 ns", balance.Zone("zone-0", balance.RoundRobin()), false, nothing},
		{others, "outlier, slow start and zone of least request", "", balance.Outlier(balance.OutlierConfig{}, balance.SlowStart(1, balance.Zone("zone-0", balance.LeastRequest()))), false, nothing},
		{inTurn, "round robin, with `Start` and `Done`", "", balance.RoundRobin(), false, ends},
		{fewerCalls, "least request, with `Start` and `Done`", "", balance.LeastRequest(), false, ends},
		{sooner, "Peak EWMA, with `Start` and `Done`", "30 ns", balance.PeakEWMA(), false, ends},
		{sooner, "Peak EWMA, with `StartAt` and `DoneAt`", "30 ns", balance.PeakEWMA(), false, times},
		{sooner, "Peak EWMA, the same, so rarely that each is timed", "", balance.PeakEWMA(), false, rareTimes},
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
		switch ours.told {
		case keyed:
			keys := texts()
			pick = func(key uint64) {
				if _, err := balancer.Pick(ctx, balance.Request{Key: balance.Key(keys[key%uint64(len(keys))])}); err != nil {
					panic(err)
				}
			}
		case ends:
			pick = func(key uint64) {
				target, err := balancer.Pick(ctx, balance.Request{Key: key})
				if err != nil {
					panic(err)
				}
				target.Start().Done(nil)
			}
		case times:
			began, ended := time.Now(), laps()
			pick = func(key uint64) {
				target, err := balancer.Pick(ctx, balance.Request{Key: key})
				if err != nil {
					panic(err)
				}
				target.StartAt(began).DoneAt(ended[key%uint64(len(ended))], nil)
			}
		}
		row := contender{kind: ours.kind, name: "**" + ours.name + "**", goal: ours.goal, pick: pick}
		if ours.told == rareTimes {
			now := time.Now()
			row.solo = true // one clock
			row.pick = func(key uint64) {
				target, err := balancer.Pick(ctx, balance.Request{Key: key})
				if err != nil {
					panic(err)
				}
				now = now.Add(2 * time.Millisecond)
				target.StartAt(now).DoneAt(now.Add(50+time.Duration(key%32)), nil)
			}
		}
		all = append(all, row)
	}
	for _, theirs := range []struct {
		kind                 kind
		name, policy, config string
		loads                bool
	}{
		{inTurn, "gRPC, round_robin", "round_robin", "", false},
		{inTurnByWeight, "gRPC, weighted_round_robin, with its done", "weighted_round_robin", `{"blackoutPeriod":"0s","weightUpdatePeriod":"0.1s","weightExpirationPeriod":"3600s"}`, true},
		{fewerCalls, "gRPC, least_request, with its done", "least_request_experimental", `{"choiceCount":2}`, false},
		{sooner, "go-zero, p2c_ewma, with its done", "p2c_ewma", "", false},
		{byKey, "gRPC, ring_hash, of a text in a header", "ring_hash_experimental", `{"requestHashHeader":"x-user"}`, false},
	} {
		row, closer, err := remote(theirs.name, theirs.policy, theirs.config, theirs.loads)
		if err != nil {
			return nil, nil, err
		}
		row.kind = theirs.kind
		all = append(all, row)
		closers = append(closers, closer)
	}
	all = append(all, zeroHash())
	all = append(all, kit()...)
	all = append(all,
		kratos(inTurnByWeight, "Kratos 2, wrr", wrr.New()), kratos(byChance, "Kratos 2, random", kratosrandom.New()), kratos(sooner, "Kratos 2, p2c (EWMA), with its done", p2c.New()))
	slices.SortStableFunc(all, func(a, b contender) int { return cmp.Compare(a.kind, b.kind) })
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

// kind is what a row is compared with: those of its own kind, which stand
// beside it.
type kind int

const (
	floor kind = iota
	inTurn
	inTurnByWeight
	byChance
	fewerCalls
	sooner
	byKey
	others
)

// told is what a row tells of its calls.
type told int

const (
	nothing   told = iota
	keyed          // nothing, and its key is a text
	ends           // that they began and ended
	times          // when, which it knows
	rareTimes      // when, and that much time is between them
)

// laps returns times some 50 ns from now, unlike each other.
func laps() []time.Time {
	all := make([]time.Time, 32)
	now := time.Now()
	for i := range all {
		all[i] = now.Add(50 + time.Duration(i))
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

// least is the least that choosing in turn can cost behind the signature of
// Balancer.Pick.
func least() contender {
	var turn leastTurn
	set := leastSet{}
	for _, instance := range instances(false) {
		set.list = append(set.list, &instance)
	}
	turn.set.Store(&set)
	ctx := context.Background()
	return contender{name: "*the least: an atomic load, a shared counter and an index behind `Pick`'s signature*", pick: func(key uint64) {
		if _, err := turn.Pick(ctx, balance.Request{Key: key}); err != nil {
			panic(err)
		}
	}}
}

type leastTurn struct{ set atomic.Pointer[leastSet] }

type leastSet struct {
	list []*discover.Instance
	next atomic.Uint64
}

//go:noinline
func (l *leastTurn) Pick(context.Context, balance.Request) (*discover.Instance, error) {
	set := l.set.Load()
	return set.list[set.next.Add(1)%uint64(len(set.list))], nil
}

// clocks is the least that knowing how long a call takes can cost.
func clocks() contender {
	begin := time.Now()
	return contender{name: "*two looks at the clock*", pick: func(uint64) {
		began := time.Since(begin)
		if time.Since(begin) < began {
			panic("time runs back")
		}
	}}
}

func kit() []contender {
	endpoints := make(sd.FixedEndpointer, size)
	for i := range endpoints {
		endpoints[i] = endpoint.Nop
	}
	row := func(kind kind, name string, balancer lb.Balancer) contender {
		return contender{kind: kind, name: name, pick: func(uint64) {
			if _, err := balancer.Endpoint(); err != nil {
				panic(err)
			}
		}}
	}
	random := row(byChance, "go-kit, random (not for two at once: it panics)", lb.NewRandom(endpoints, 1))
	random.solo = true // its source of chance has no lock
	return []contender{row(inTurn, "go-kit, round robin", lb.NewRoundRobin(endpoints)), random}
}

func kratos(kind kind, name string, s selector.Selector) contender {
	nodes := make([]selector.Node, size)
	for i, instance := range instances(false) {
		nodes[i] = selector.NewNode("http", instance.HostPort(), &registry.ServiceInstance{ID: instance.ID, Name: "web"})
	}
	s.Apply(nodes)
	ctx := context.Background()
	return contender{kind: kind, name: name, slow: true, pick: func(uint64) {
		_, done, err := s.Select(ctx)
		if err != nil {
			panic(err)
		}
		done(ctx, selector.DoneInfo{})
	}}
}
