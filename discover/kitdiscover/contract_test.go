package kitdiscover_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/sd"
	gokit "github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/log"
	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/kitdiscover"
)

// theirs is what go-kit's own instancer takes for Consul.
type theirs struct {
	gokit.Client
	ctx  context.Context
	hand *discovertest.Hand
}

func (c theirs) Service(service, tag string, _ bool, options *api.QueryOptions) ([]*api.ServiceEntry, *api.QueryMeta, error) {
	s, err := c.hand.Next(c.ctx, discover.Query{Service: service, Tags: tag}, options.WaitIndex)
	if err != nil {
		return nil, nil, err
	}
	var entries []*api.ServiceEntry
	for _, i := range s.Instances {
		entries = append(entries, &api.ServiceEntry{
			Node:    &api.Node{Address: "192.0.2.1"},
			Service: &api.AgentService{ID: i.ID, Service: i.Service, Address: i.Address, Port: i.Port, Tags: i.Tags},
		})
	}
	return entries, &api.QueryMeta{LastIndex: s.Index}, nil
}

// TestContract lets go-kit's instancer and ours follow one registry.
func TestContract(t *testing.T) {
	down := errors.New("registry is down")
	weighty := at("10.0.0.1")
	weighty.Weights.Passing = 9
	early := at("10.0.0.2")
	early.ID = "a" // a registry sorts by ids
	untagged := at("10.0.0.9")
	untagged.Tags = nil
	type step struct {
		name       string
		change     func(*discovertest.Hand)
		want, ours []string // ours where the difference is meant
	}
	set := func(instances ...discover.Instance) func(*discovertest.Hand) {
		return func(h *discovertest.Hand) { h.Set("web", slices.Clone(instances)...) }
	}
	none := []string{}
	for _, test := range []struct {
		name       string
		before     func(*discovertest.Hand)
		want, ours []string // at once
		steps      []step
	}{
		{name: "a registered channel is told at once, sorted, and of each change",
			before: set(early, at("10.0.0.1")), want: []string{"[10.0.0.1:80 10.0.0.2:80]"},
			steps: []step{
				{name: "one comes", change: set(early, at("10.0.0.3"), at("10.0.0.1")), want: []string{"[10.0.0.1:80 10.0.0.2:80 10.0.0.3:80]"}},
				{name: "the same again", change: set(at("10.0.0.3"), at("10.0.0.1"), at("10.0.0.2"))},
				{name: "no address changes", change: set(weighty, at("10.0.0.2"), at("10.0.0.3"))},
				{name: "one without the tag", change: set(untagged, at("10.0.0.1"), at("10.0.0.2"), at("10.0.0.3"))},
				{name: "all others", change: set(at("10.0.0.5"), at("10.0.0.4")), want: []string{"[10.0.0.4:80 10.0.0.5:80]"}},
				{name: "nobody", change: set(), want: []string{"[]"}},
				{name: "one again", change: set(at("10.0.0.4")), want: []string{"[10.0.0.4:80]"}},
			}},
		{name: "a service that nobody knows has no instances", before: func(*discovertest.Hand) {}, want: []string{"[]"},
			steps: []step{{name: "it comes", change: set(at("10.0.0.1")), want: []string{"[10.0.0.1:80]"}}}},
		{name: "a registry that starts anew, with lower indexes", before: set(at("10.0.0.1")), want: []string{"[10.0.0.1:80]"},
			steps: []step{
				{name: "empty", change: (*discovertest.Hand).Restart, want: []string{"[]"}},
				{name: "it learns again", change: set(at("10.0.0.2")), want: []string{"[10.0.0.2:80]"}},
			}},
		{name: "a registry that is down at first", before: func(h *discovertest.Hand) { h.Fail(down) }, want: []string{"error"},
			steps: []step{
				{name: "still", change: func(*discovertest.Hand) {}},
				{name: "up", change: func(h *discovertest.Hand) { set(at("10.0.0.1"))(h); h.Fail(nil) }, want: []string{"[10.0.0.1:80]"}},
			}},
		{name: "a registry that goes down", before: set(at("10.0.0.1")), want: []string{"[10.0.0.1:80]"},
			steps: []step{
				{name: "down", change: func(h *discovertest.Hand) { h.Fail(down) }, want: []string{"error"}, ours: none},
				// go-kit asks on from its last index, and says nothing before something changes.
				{name: "up", change: func(h *discovertest.Hand) { h.Fail(nil) }},
				{name: "one comes", change: set(at("10.0.0.1"), at("10.0.0.2")), want: []string{"[10.0.0.1:80 10.0.0.2:80]"}},
			}},
		{name: "IPv6", before: set(at("2001:db8::1")), want: []string{"[2001:db8::1:80]"}, ours: []string{"[[2001:db8::1]:80]"}},
		{name: "two at one address", before: func(h *discovertest.Hand) {
			twin := at("10.0.0.1")
			twin.ID = "twin"
			h.Set("web", at("10.0.0.1"), twin)
		}, want: []string{"[10.0.0.1:80 10.0.0.1:80]"}, ours: []string{"[10.0.0.1:80]"}},
	} {
		for _, side := range []struct {
			name string
			make func(context.Context, *discovertest.Hand) sd.Instancer
			ours bool
		}{
			{"go-kit", func(ctx context.Context, h *discovertest.Hand) sd.Instancer {
				return gokit.NewInstancer(theirs{ctx: ctx, hand: h}, log.NewNopLogger(), "web", []string{"api"}, true)
			}, false},
			{"muster", func(ctx context.Context, h *discovertest.Hand) sd.Instancer {
				return kitdiscover.NewInstancer(ctx, discover.Watch(h, discover.Query{Service: "web", Tags: "api"}, discover.WatchConfig{}))
			}, true},
		} {
			t.Run(test.name+"/"+side.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					expect := func(name string, r *reader, want, ours []string) {
						t.Helper()
						time.Sleep(10 * time.Minute) // go-kit doubles its pause up to a minute
						synctest.Wait()
						if side.ours && ours != nil {
							want = ours
						}
						if got := r.take(); !slices.Equal(got, want) {
							t.Errorf("%s: got events %q, want %q", name, got, want)
						}
					}
					ctx, cancel := context.WithCancel(t.Context())
					hand := discovertest.NewHand()
					test.before(hand)
					instancer := side.make(ctx, hand)
					first, second := newReader(), newReader()
					instancer.Register(first.ch)
					expect("at once", first, test.want, test.ours)
					for _, step := range test.steps {
						step.change(hand)
						expect(step.name, first, step.want, step.ours)
					}
					instancer.Deregister(first.ch)
					first.close() // a send would panic
					instancer.Register(second.ch)
					expect("another channel, which is registered later", second, lastOf(test.want, test.steps, func(s step) []string { return s.want }),
						lastOf(test.ours, test.steps, func(s step) []string { return s.ours }))
					hand.Set("web", at("10.0.0.77"))
					expect("a change after the first one was deregistered", second, []string{"[10.0.0.77:80]"}, nil)
					instancer.Deregister(second.ch)
					second.close()
					instancer.Stop()
					cancel() // go-kit's question goes on until then
					synctest.Wait()
				})
			})
		}
	}
}

// lastOf returns the last events that there were.
func lastOf[S any](events []string, steps []S, of func(S) []string) []string {
	for _, s := range steps {
		if e := of(s); len(e) > 0 {
			events = e
		}
	}
	return events
}
