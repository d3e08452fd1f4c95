package balance_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/retry"
)

// web are two instances, of which one asks for twice as much.
func web() *discover.Watcher {
	return discover.Watch(discover.Fixed(
		discover.Instance{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80, Weights: discover.Weights{Passing: 2}},
		discover.Instance{ID: "web-2", Service: "web", Address: "10.0.0.2", Port: 80, Weights: discover.Weights{Passing: 1}},
	), discover.Query{Service: "web"}, discover.WatchConfig{})
}

func Example() {
	watcher := web() // or a discover.Cache's, over a registry
	defer watcher.Close()
	balancer := balance.New(watcher, balance.LeastRequest())
	defer balancer.Close()

	target, err := balancer.Pick(context.Background(), balance.Request{})
	if err != nil {
		log.Fatal(err)
	}
	call := target.Start()
	_, err = fmt.Println("call an instance of", target.Service) // at target.HostPort()
	call.Done(err)
	// Output: call an instance of web
}

// Policies are wrapped around each other. From the outside: a share of very many
// instances, without those that fail, new ones little by little, those of the
// own zone first, and of these the one that will answer first.
func Example_composed() {
	watcher := web()
	defer watcher.Close()
	balancer := balance.New(watcher,
		balance.Subset(balance.SubsetConfig{Size: 20, Caller: 3, Callers: 12},
			balance.Outlier(balance.OutlierConfig{},
				balance.SlowStart(30*time.Second,
					balance.Zone("eu-1",
						balance.PeakEWMA())))))
	defer balancer.Close()

	target, err := balancer.Pick(context.Background(), balance.Request{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("call an instance of", target.Service)
	// Output: call an instance of web
}

func ExampleRoundRobin() {
	watcher := web()
	defer watcher.Close()
	balancer := balance.New(watcher, balance.RoundRobin())
	defer balancer.Close()
	count := map[string]int{}
	for range 6 {
		target, err := balancer.Pick(context.Background(), balance.Request{})
		if err != nil {
			log.Fatal(err)
		}
		count[target.ID]++
	}
	fmt.Println(count)
	// Output: map[web-1:4 web-2:2]
}

func ExampleConsistentHash() {
	watcher := web()
	defer watcher.Close()
	balancer := balance.New(watcher, balance.ConsistentHash(balance.HashConfig{}))
	defer balancer.Close()
	for range 3 {
		target, err := balancer.Pick(context.Background(), balance.Request{Key: balance.Key("user-7")})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(target.ID)
	}
	// Output:
	// web-2
	// web-2
	// web-2
}

// A call that failed is made elsewhere, as long as not too many fail.
func Example_retry() {
	watcher := web()
	defer watcher.Close()
	balancer := balance.New(watcher, balance.RoundRobin())
	defer balancer.Close()
	budget := retry.NewBudget(retry.BudgetConfig{}) // one for all calls to a service

	call := func(n int) error {
		if n == 0 {
			return fmt.Errorf("connection refused")
		}
		return nil
	}
	var r balance.Request
	budget.Call()
	for n := 0; ; n++ {
		target, err := balancer.Pick(context.Background(), r)
		if err != nil {
			log.Fatal(err)
		}
		started := target.Start()
		err = call(n)
		started.Done(err)
		if err == nil || !budget.Retry() {
			fmt.Println("calls:", n+1)
			return
		}
		r.Tried = append(r.Tried, target)
	}
	// Output: calls: 2
}

// Who chooses among what they are connected to uses a Set.
func ExampleSet() {
	set := balance.NewSet()
	targets := set.Update([]discover.Instance{
		{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80},
		{ID: "web-2", Service: "web", Address: "10.0.0.2", Port: 80},
	}, time.Now())
	connected := targets[1:]
	plan := set.Plan(balance.RoundRobin(), connected, time.Now())
	fmt.Println(plan.Picker.Pick(balance.Request{}).ID)
	// Output: web-2
}
