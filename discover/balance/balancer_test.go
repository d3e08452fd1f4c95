package balance_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
)

func instances(n int) []discover.Instance {
	all := make([]discover.Instance, n)
	for i := range all {
		all[i] = discover.Instance{ID: "web-" + strconv.Itoa(i), Service: "web", Node: "n", Address: "127.0.0.1", Port: 1000 + i,
			Status: discover.Passing, Weights: discover.Weights{Passing: 1, Warning: 1}}
	}
	return all
}

// begin returns a balancer over instances that a test changes by hand.
func begin(t *testing.T, policy balance.Policy, all ...discover.Instance) (*balance.Balancer, *discovertest.Hand) {
	t.Helper()
	source := discovertest.NewHand()
	if all != nil {
		source.Set("web", all...)
	}
	watcher := discover.Watch(source, discover.Query{Service: "web"}, discover.WatchConfig{})
	b := balance.New(watcher, policy)
	t.Cleanup(func() {
		if err := errors.Join(b.Close(), watcher.Close()); err != nil {
			t.Error(err)
		}
	})
	return b, source
}

func TestBalancerFollowsItsFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, source := begin(t, balance.RoundRobin(), instances(3)...)
		seen := func(picks int) map[string]int {
			t.Helper()
			count := map[string]int{}
			for range picks {
				target, err := b.Pick(t.Context(), balance.Request{})
				if err != nil {
					t.Fatal(err)
				}
				count[target.ID]++
			}
			return count
		}
		// The very first pick waits for the first answer.
		if got := seen(30); len(got) != 3 || got["web-0"] != 10 {
			t.Errorf("of three: got %v, want each ten times", got)
		}
		set := func(all ...discover.Instance) {
			source.Set("web", all...)
			time.Sleep(time.Second) // a watch takes at most some ten answers in it
			synctest.Wait()
		}
		set(instances(2)...)
		if got := seen(30); len(got) != 2 || got["web-0"] != 15 {
			t.Errorf("after one left: got %v, want each of two fifteen times", got)
		}

		broken := instances(1)
		broken[0].Status, broken[0].Reason = discover.Critical, "ping: connection refused"
		set(broken...)
		_, err := b.Pick(t.Context(), balance.Request{})
		if !errors.Is(err, balance.ErrNoInstance) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("all out: got error %v, want ErrNoInstance and why", err)
		}
		set(instances(1)...)
		if got := seen(3); got["web-0"] != 3 {
			t.Errorf("one is back: got %v", got)
		}
	})
}

func TestPickEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := discovertest.NewHand()
		source.Fail(errors.New("no route to host"))
		watcher := discover.Watch(source, discover.Query{Service: "web"}, discover.WatchConfig{})
		defer watcher.Close()
		b := balance.New(watcher, balance.Random())
		defer b.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 1)
		defer cancel()
		if _, err := b.Pick(ctx, balance.Request{}); !errors.Is(err, discover.ErrUnavailable) {
			t.Errorf("got error %v, want ErrUnavailable", err)
		}
	})
}

// What was chosen from at the end gets older from then on: nobody is to go on
// with it unnoticed.
func TestPickAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, source := begin(t, balance.RoundRobin(), instances(1)...)
		target, err := b.Pick(t.Context(), balance.Request{})
		if err != nil {
			t.Fatal(err)
		}
		call := target.Start()
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
		source.Set("web", instances(2)...)
		synctest.Wait()
		if _, err := b.Pick(t.Context(), balance.Request{}); !errors.Is(err, discover.ErrClosed) {
			t.Errorf("got error %v, want ErrClosed", err)
		}
		call.Done(nil)
		if target.Running() != 0 {
			t.Error("a call that was under way did not end")
		}
	})
}

func TestATargetKeepsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, source := begin(t, balance.RoundRobin(), instances(1)...)
		before, err := b.Pick(t.Context(), balance.Request{})
		if err != nil {
			t.Fatal(err)
		}
		call := before.Start()
		changed := instances(1)
		changed[0].Tags = []string{"v2"}
		source.Set("web", changed...)
		synctest.Wait()
		after, err := b.Pick(t.Context(), balance.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if after.Running() != 1 || len(after.Tags) != 1 {
			t.Errorf("after its tags changed: %d calls under way and tags %v, want 1 and [v2]", after.Running(), after.Tags)
		}
		call.Done(nil)
		if after.Running() != 0 {
			t.Errorf("%d calls under way after the only one ended", after.Running())
		}
	})
}
