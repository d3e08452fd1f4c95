package grpcdiscover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// musterBuilder is what gRPC knows of the balancer, in its list of all.
type musterBuilder struct{}

// Name implements balancer.Builder.
func (musterBuilder) Name() string { return Balancer }

// ParseConfig implements balancer.ConfigParser.
func (musterBuilder) ParseConfig(text json.RawMessage) (serviceconfig.LoadBalancingConfig, error) {
	return parseBalancing(text)
}

// Build implements balancer.Builder.
func (musterBuilder) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	ctx, stop := context.WithCancel(context.Background())
	m := &muster{
		cc:      cc,
		service: serviceOf(opts.Target.URL),
		stop:    stop,
		done:    make(chan struct{}),
		news:    make(chan struct{}, 1),
		set:     balance.NewSet(),
		conns:   make(map[connID]*conn),
	}
	go m.run(ctx) // Close stops it and waits
	return m
}

// muster is the balancer of one connection of gRPC's. gRPC calls its methods
// one at a time, and the loop alone tells gRPC whom to choose from.
type muster struct {
	cc      balancer.ClientConn
	service string

	stop context.CancelFunc
	done chan struct{} // closed when the loop has ended
	news chan struct{} // holds a word that gRPC must be told anew

	mu     sync.Mutex
	closed bool
	set    *balance.Set
	conns  map[connID]*conn
	order  []*conn // the same, in the order of the instances
	gone   []*conn // of instances that left; shut when nobody chooses them any more

	settings settings
	config   *balancing
	policy   balance.Policy
	why      error // there is no instance
	told     connectivity.State
}

// UpdateClientConnState implements balancer.Balancer.
func (m *muster) UpdateClientConnState(s balancer.ClientConnState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settings = settingsOf(s.ResolverState.Attributes)
	m.why = m.settings.why
	var ok bool
	if m.config, ok = s.BalancerConfig.(*balancing); !ok {
		m.config = &balancing{}
	}
	m.policy = m.config.policy(m.settings.Config)
	m.follow(s.ResolverState.Endpoints, time.Now())
	m.wake()
	return nil
}

// follow makes a connection for each endpoint that has none, as far as they are
// to be connected to. The caller holds mu.
func (m *muster) follow(endpoints []resolver.Endpoint, now time.Time) {
	endpoints, instances := instancesOf(endpoints)
	targets := m.set.Update(instances, now)
	seen, some := m.sight(targets, now)
	old := m.conns
	m.conns = make(map[connID]*conn, len(endpoints))
	m.order = m.order[:0:0]
	for n, e := range endpoints {
		id, weight := idOf(e, instances[n]), seen[targets[n]]
		if _, twice := m.conns[id]; twice || some && weight == 0 {
			continue
		}
		c := old[id]
		if c == nil || !c.serves(e, instances[n]) {
			var err error
			if c, err = m.connect(e); err != nil {
				continue // gRPC is closing
			}
		} else {
			delete(old, id)
		}
		c.target = targets[n]
		m.conns[id] = c
		m.order = append(m.order, c)
	}
	for _, c := range old {
		m.gone = append(m.gone, c)
	}
	if some {
		m.policy = weighed{seen, m.policy}
	}
}

// connect begins a connection. The caller holds mu.
func (m *muster) connect(e resolver.Endpoint) (*conn, error) {
	c := &conn{endpoint: e, state: connectivity.Connecting}
	//lint:ignore SA1019 it is the only way to make one; what is deprecated is several addresses
	sub, err := m.cc.NewSubConn(e.Addresses, balancer.NewSubConnOptions{
		HealthCheckEnabled: true, // if the service config asks for it
		StateListener:      func(s balancer.SubConnState) { m.turned(c, s) },
	})
	if err != nil {
		return nil, err
	}
	c.SubConn = sub
	sub.Connect()
	return c, nil
}

// turned takes over what became of a connection.
func (m *muster) turned(c *conn, s balancer.SubConnState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && s.ConnectivityState != connectivity.Shutdown && c.turn(s) {
		m.wake()
	}
}

// ResolverError implements balancer.Balancer. The instances that there are stay.
func (m *muster) ResolverError(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.why = err
	m.wake()
}

// UpdateSubConnState implements balancer.Balancer, for the versions of gRPC
// that knew no listeners.
func (m *muster) UpdateSubConnState(balancer.SubConn, balancer.SubConnState) {}

// ExitIdle implements balancer.Balancer. No connection is ever left idle.
func (m *muster) ExitIdle() {}

// Close implements balancer.Balancer. It waits for the loop.
func (m *muster) Close() {
	m.stop()
	<-m.done
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.shut()
	for _, c := range m.order {
		c.Shutdown()
	}
}

// wake says that gRPC must be told anew. It does not block.
func (m *muster) wake() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// replanPause bounds how often what calls tell has a plan made anew.
const replanPause = 20 * time.Millisecond

// run tells gRPC whom to choose from whenever that changes, until ctx ends.
// Connections that become ready while it does so are taken together.
func (m *muster) run(ctx context.Context) {
	defer close(m.done)
	var again time.Time
	for {
		timer := time.NewTimer(time.Until(again))
		if again.IsZero() {
			timer.Stop()
		}
		select {
		case <-m.news:
		case <-timer.C:
		case <-m.set.Stale():
			timer.Reset(replanPause)
			select {
			case <-timer.C:
			case <-m.news: // is not to wait
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		again = m.tell(time.Now())
	}
}

// tell tells gRPC whom to choose from, lets go of those who left, and returns
// when to do so again.
func (m *muster) tell(now time.Time) (again time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.policy == nil && m.why == nil {
		return time.Time{} // nothing is known yet
	}
	state, again := m.state(now)
	if state.ConnectivityState != connectivity.Connecting || m.told != connectivity.Connecting {
		m.cc.UpdateState(state)
		m.told = state.ConnectivityState
	}
	m.shut()
	return again
}

// state returns what gRPC is to know. The caller holds mu.
func (m *muster) state(now time.Time) (state balancer.State, again time.Time) {
	var ready []*balance.Target
	var failure error
	failed := 0
	conns := make(map[*balance.Target]balancer.SubConn, len(m.order))
	for _, c := range m.order {
		switch c.state {
		case connectivity.Ready:
			ready = append(ready, c.target)
			conns[c.target] = c.SubConn
		case connectivity.TransientFailure:
			failed++
			failure = c.err
		}
	}
	switch {
	case len(ready) > 0:
		plan := m.set.Plan(m.policy, ready, now)
		failed := m.settings.Failed
		if failed == nil {
			failed = Failed
		}
		return balancer.State{
			ConnectivityState: connectivity.Ready,
			Picker:            &picker{plan.Picker, conns, m.config.RequestHashHeader, failed, m.settings.Observe},
		}, plan.Again
	case len(m.order) == 0:
		return nobody(m.whyNone()), time.Time{}
	case failed == len(m.order):
		return nobody(fmt.Errorf("service %q: none of %d instances can be reached, the last because of: %w", m.service, failed, failure)), time.Time{}
	}
	return balancer.State{ConnectivityState: connectivity.Connecting, Picker: none{balancer.ErrNoSubConnAvailable}}, time.Time{}
}

func (m *muster) whyNone() error {
	if m.why != nil {
		return m.why
	}
	return errors.New("the resolver found no address")
}

// nobody is the state without anybody to call. The error is not the one of a
// call: a status in it would end even those calls that wait for ready.
func nobody(why error) balancer.State {
	return balancer.State{ConnectivityState: connectivity.TransientFailure, Picker: none{errors.New(why.Error())}}
}

// shut closes the connections to who left. Calls under way finish. The caller
// holds mu.
func (m *muster) shut() {
	for _, c := range m.gone {
		c.Shutdown()
	}
	m.gone = nil
}

// instancesOf returns the endpoints that have an address, and the instance that
// each is. Those of other resolvers are all alike.
func instancesOf(all []resolver.Endpoint) ([]resolver.Endpoint, []discover.Instance) {
	endpoints := make([]resolver.Endpoint, 0, len(all))
	instances := make([]discover.Instance, 0, len(all))
	for _, e := range all {
		if len(e.Addresses) == 0 {
			continue
		}
		i, ok := InstanceOf(e)
		if !ok {
			address := e.Addresses[0].Addr
			i = discover.Instance{ID: address, Address: address, Status: discover.Passing, Weights: discover.Weights{Passing: 1, Warning: 1}}
		}
		endpoints, instances = append(endpoints, e), append(instances, i)
	}
	return endpoints, instances
}
