package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	orca "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc/balancer"
	_ "google.golang.org/grpc/balancer/leastrequest" // registers itself
	_ "google.golang.org/grpc/balancer/ringhash"
	_ "google.golang.org/grpc/balancer/roundrobin"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/experimental/stats"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
)

// remote returns a balancer of gRPC's as a contender: its own picker, over
// connections that are ready and lead nowhere. Where loads are told each
// connection reports another one, and it is waited until they count.
func remote(name, policy, config string, loads bool) (contender, func() error, error) {
	builder := balancer.Get(policy)
	if builder == nil {
		return contender{}, nil, fmt.Errorf("gRPC has no balancer %q", policy)
	}
	conn := &remoteConn{asked: make(chan struct{}, 1)}
	b := builder.Build(conn, balancer.BuildOptions{})
	state := balancer.ClientConnState{}
	for _, instance := range instances(false) {
		address := resolver.Address{Addr: instance.HostPort()}
		state.ResolverState.Endpoints = append(state.ResolverState.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{address}})
		state.ResolverState.Addresses = append(state.ResolverState.Addresses, address) // for those that know no endpoints
	}
	if parser, is := builder.(balancer.ConfigParser); is {
		parsed, err := parser.ParseConfig(json.RawMessage(config))
		if err != nil {
			return contender{}, nil, err
		}
		state.BalancerConfig = parsed
	}
	if err := b.UpdateClientConnState(state); err != nil {
		return contender{}, nil, err
	}
	info := balancer.PickInfo{Ctx: context.Background()}
	infos := []balancer.PickInfo{info}
	for _, key := range texts() {
		infos = append(infos, balancer.PickInfo{Ctx: metadata.AppendToOutgoingContext(info.Ctx, "x-user", key)})
	}
	if err := conn.settle(infos); err != nil {
		return contender{}, nil, fmt.Errorf("%s: %w", policy, err)
	}
	if loads {
		for n := range 10 * size {
			result, err := conn.latest().Pick(info)
			if err != nil {
				return contender{}, nil, err
			}
			result.Done(balancer.DoneInfo{ServerLoad: &orca.OrcaLoadReport{CpuUtilization: 0.1 + float64(n%7)/10, RpsFractional: 100}})
		}
		time.Sleep(300 * time.Millisecond) // weights are taken over every 100 ms
	}
	picker := conn.latest()
	return contender{name: name, pick: func(key uint64) {
		result, err := picker.Pick(infos[key%uint64(len(infos))])
		if err != nil {
			panic(err) // all are ready
		}
		if result.Done != nil {
			result.Done(balancer.DoneInfo{})
		}
	}}, func() error { b.Close(); return nil }, nil
}

// remoteConn is a client's connection as a balancer sees it. It tells what it
// must when nobody holds a lock: in settle.
type remoteConn struct {
	balancer.ClientConn // nil: nothing else of it is used

	mu    sync.Mutex
	state balancer.State
	due   []func()
	asked chan struct{} // holds something when due does; balancers ask in goroutines too
	ready int
}

func (c *remoteConn) NewSubConn(_ []resolver.Address, o balancer.NewSubConnOptions) (balancer.SubConn, error) {
	return &remoteSub{conn: c, listener: o.StateListener}, nil
}

func (c *remoteConn) UpdateState(s balancer.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
}

func (c *remoteConn) ResolveNow(resolver.ResolveNowOptions) {}
func (c *remoteConn) Target() string                        { return "muster:///web" }
func (c *remoteConn) MetricsRecorder() stats.MetricsRecorder {
	return silence{}
}

// later lets something be told at the next settle.
func (c *remoteConn) later(tell func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = append(c.due, tell)
	select {
	case c.asked <- struct{}{}:
	default:
	}
}

// settle lets all connections become ready. A balancer that connects only to
// what is called is asked for all of infos meanwhile.
func (c *remoteConn) settle(infos []balancer.PickInfo) error {
	for late := time.After(time.Second); ; {
		c.tell()
		if c.ready == size {
			return nil
		}
		for _, info := range infos {
			if _, err := c.latest().Pick(info); err != nil && err != balancer.ErrNoSubConnAvailable {
				return err
			}
		}
		select {
		case <-c.asked:
		case <-late:
			return fmt.Errorf("it is %s with %d connections", c.state.ConnectivityState, c.ready)
		}
	}
}

// tell tells what is due until nothing is.
func (c *remoteConn) tell() {
	for {
		c.mu.Lock()
		due := c.due
		c.due = nil
		c.mu.Unlock()
		if len(due) == 0 {
			return
		}
		for _, tell := range due {
			tell()
		}
	}
}

func (c *remoteConn) latest() balancer.Picker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Picker
}

// remoteSub is a connection that is ready as soon as it is asked for.
type remoteSub struct {
	balancer.SubConn // nil: nothing else of it is used

	conn     *remoteConn
	listener func(balancer.SubConnState)
}

func (s *remoteSub) Connect() {
	s.conn.later(func() {
		s.listener(balancer.SubConnState{ConnectivityState: connectivity.Connecting})
		s.listener(balancer.SubConnState{ConnectivityState: connectivity.Ready})
		s.conn.ready++
	})
}

func (s *remoteSub) RegisterHealthListener(listener func(balancer.SubConnState)) {
	s.conn.later(func() { listener(balancer.SubConnState{ConnectivityState: connectivity.Ready}) })
}

func (s *remoteSub) Shutdown() {}

func (s *remoteSub) GetOrBuildProducer(balancer.ProducerBuilder) (balancer.Producer, func()) {
	panic(errors.New("no load is asked for out of band"))
}

// silence takes metrics and keeps none.
type silence struct{ stats.MetricsRecorder }

func (silence) RecordInt64Count(*stats.Int64CountHandle, int64, ...string)       {}
func (silence) RecordFloat64Count(*stats.Float64CountHandle, float64, ...string) {}
func (silence) RecordInt64Histo(*stats.Int64HistoHandle, int64, ...string)       {}
func (silence) RecordFloat64Histo(*stats.Float64HistoHandle, float64, ...string) {}
func (silence) RecordInt64Gauge(*stats.Int64GaugeHandle, int64, ...string)       {}
