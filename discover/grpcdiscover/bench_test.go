package grpcdiscover_test

import (
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/grpcdiscover"
)

// sub is a connection that is ready as soon as it is asked to connect.
type sub struct {
	balancer.SubConn
	listen func(balancer.SubConnState)
}

func (s *sub) Shutdown() {}
func (s *sub) RegisterHealthListener(listen func(balancer.SubConnState)) {
	go listen(balancer.SubConnState{ConnectivityState: connectivity.Ready}) // ends at once
}
func (s *sub) Connect() {
	go func() { // ends at once
		s.listen(balancer.SubConnState{ConnectivityState: connectivity.Connecting})
		s.listen(balancer.SubConnState{ConnectivityState: connectivity.Ready})
	}()
}

// channel is gRPC's side of a balancer.
type channel struct {
	balancer.ClientConn
	pickers chan balancer.State
}

func (c *channel) ResolveNow(resolver.ResolveNowOptions) {}
func (c *channel) UpdateState(s balancer.State)          { c.pickers <- s }
func (c *channel) NewSubConn(_ []resolver.Address, opts balancer.NewSubConnOptions) (balancer.SubConn, error) {
	return &sub{listen: opts.StateListener}, nil
}

// BenchmarkPick is what the choice of one of 100 instances costs a call, from
// the choice to what is told of its end, beside gRPC's round_robin, whose calls tell
// nothing.
func BenchmarkPick(b *testing.B) {
	grpcdiscover.Register()
	for _, test := range []struct{ name, config string }{
		{"round_robin", ""},
		{"muster", `{"policy": "round_robin"}`},
		{"muster", `{"policy": "random"}`},
		{"muster", `{"policy": "least_request"}`},
		{"muster", `{"policy": "peak_ewma"}`},
	} {
		b.Run(test.name+" "+test.config, func(b *testing.B) {
			var state resolver.State
			for n := range 100 {
				state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: fmt.Sprint("10.0.0.", n, ":80")}}})
			}
			builder := balancer.Get(test.name)
			ccs := balancer.ClientConnState{ResolverState: state}
			if parser, ok := builder.(balancer.ConfigParser); ok && test.config != "" {
				config, err := parser.ParseConfig([]byte(test.config))
				if err != nil {
					b.Fatal(err)
				}
				ccs.BalancerConfig = config
			}
			c := &channel{pickers: make(chan balancer.State, 10000)}
			chooses := builder.Build(c, balancer.BuildOptions{})
			defer chooses.Close()
			if err := chooses.UpdateClientConnState(ccs); err != nil {
				b.Fatal(err)
			}
			var picker balancer.Picker
			seen := map[balancer.SubConn]bool{}
			info := balancer.PickInfo{Ctx: b.Context()}
			for len(seen) < 100 { // until all are ready
				select {
				case s := <-c.pickers:
					picker = s.Picker
				default:
				}
				if picker == nil {
					continue
				}
				if got, err := picker.Pick(info); err == nil {
					seen[got.SubConn] = true
					if got.Done != nil {
						got.Done(balancer.DoneInfo{})
					}
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					got, err := picker.Pick(info)
					if err != nil {
						b.Fatal(err)
					}
					if got.Done != nil {
						got.Done(balancer.DoneInfo{})
					}
				}
			})
		})
	}
}

// BenchmarkCall is a whole call over loopback to one of three servers.
func BenchmarkCall(b *testing.B) {
	w := newWorld(b)
	w.Set("web", instances(serve(b, "a"), serve(b, "b"), serve(b, "c"))...)
	cache := discover.NewCache(w.Hand, discover.CacheConfig{})
	defer cache.Close()
	for _, test := range []struct {
		name    string
		options []grpc.DialOption
	}{
		{"round_robin", []grpc.DialOption{
			grpc.WithResolvers(grpcdiscover.NewResolver(cache, grpcdiscover.Config{})),
			grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		}},
		{"muster", grpcdiscover.DialOptions(cache, grpcdiscover.Config{})},
	} {
		b.Run(test.name, func(b *testing.B) {
			client := healthpb.NewHealthClient(dial(b, "muster:///web", test.options...))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Check(b.Context(), &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
