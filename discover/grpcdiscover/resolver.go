package grpcdiscover

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
	"google.golang.org/grpc/status"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// builder builds a resolver for each connection, all over one cache.
type builder struct {
	cache *discover.Cache
	cfg   *Config
}

// Scheme implements resolver.Builder.
func (b *builder) Scheme() string { return Scheme }

// OverrideAuthority implements resolver.AuthorityOverrider: the authority is the
// service, without the parameters.
func (b *builder) OverrideAuthority(t resolver.Target) string { return serviceOf(t.URL) }

// Build implements resolver.Builder. It does not wait for the registry. gRPC
// says its errors in those of the calls, see [unusable].
func (b *builder) Build(to resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	t, err := parseTarget(to.URL)
	if err != nil {
		return nil, unusable{err}
	}
	text, err := b.cfg.serviceConfig(t)
	if err != nil {
		return nil, unusable{err}
	}
	var parsed *serviceconfig.ParseResult
	if text != "" {
		if parsed = cc.ParseServiceConfig(text); parsed.Err != nil {
			return nil, unusable{fmt.Errorf("service config %s: %w", text, parsed.Err)}
		}
	}
	follower, err := b.cache.Follow(t.query)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{
		cfg:      b.cfg,
		query:    t.query,
		follower: follower,
		cc:       cc,
		calls:    parsed,
		stop:     stop,
		done:     make(chan struct{}),
	}
	go w.run(ctx) // Close stops it and waits
	return w, nil
}

// unusable is what is wrong with a connection's target or service config. It stays
// so for as long as the connection lives. Calls end with INTERNAL, which nobody
// takes for an outage and tries again, as UNAVAILABLE is; INVALID_ARGUMENT is kept
// for servers to say (https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md).
type unusable struct{ error }

// Unwrap is for [errors.Is].
func (u unusable) Unwrap() error { return u.error }

// GRPCStatus is for status.FromError, by which gRPC knows what ends a call.
func (u unusable) GRPCStatus() *status.Status { return status.New(codes.Internal, u.Error()) }

// watch is the resolver of one connection: it passes on what a shared watch
// knows.
type watch struct {
	cfg      *Config
	query    discover.Query
	follower *discover.Follower
	cc       resolver.ClientConn
	calls    *serviceconfig.ParseResult // nil where the resolver says nothing of it

	stop context.CancelFunc
	done chan struct{} // closed when the loop has ended
}

// ResolveNow implements resolver.Resolver. It does nothing: the registry says
// by itself when something changes.
func (w *watch) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements resolver.Resolver.
func (w *watch) Close() {
	w.stop()
	<-w.done
	_ = w.follower.Close() // has no error
}

// askAgain is after how long it is looked whether a registry that has not
// answered yet does not for another reason by now.
const askAgain = time.Second

// run passes on each answer until ctx ends, and while there is none why.
func (w *watch) run(ctx context.Context) {
	defer close(w.done)
	var last discover.Snapshot
	var told string
	for {
		changed := w.follower.Changed()
		s, err := w.follower.Tried(ctx)
		if ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(askAgain)
		if err == nil {
			timer.Stop()
			s = balance.Dialable(s)
			if len(s.Instances) == 0 || !reflect.DeepEqual(s.Instances, last.Instances) {
				w.publish(s)
			}
			last = s
		} else if err.Error() != told {
			told = err.Error()
			w.cc.ReportError(err)
		}
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// publish tells gRPC who there is. Where nobody is, it is told twice: a balancer
// forgets whom it had by the empty list, and learns why there is nobody by the
// error.
func (w *watch) publish(s discover.Snapshot) {
	// The error of UpdateState says that gRPC asks to resolve anew, and there
	// is nothing newer.
	if len(s.Instances) > 0 {
		_ = w.cc.UpdateState(w.state(s.Instances, nil))
		return
	}
	why := fmt.Errorf("%s: %w", w.query.Words(), balance.WhyNone(s))
	_ = w.cc.UpdateState(w.state(nil, why))
	w.cc.ReportError(why)
}

// state puts instances into gRPC's words.
func (w *watch) state(instances []discover.Instance, why error) resolver.State {
	instances = weighing(instances)
	state := resolver.State{
		// Both, for there are balancers that know addresses only. Neither is nil:
		// an empty list is meant.
		Addresses:     make([]resolver.Address, 0, len(instances)),
		Endpoints:     make([]resolver.Endpoint, 0, len(instances)),
		ServiceConfig: w.calls,
		Attributes:    withSettings(settings{w.cfg, why}),
	}
	for _, i := range instances {
		endpoint := endpointOf(i)
		if w.cfg.ServerName != nil {
			endpoint.Addresses[0].ServerName = w.cfg.ServerName(i)
		}
		state.Addresses = append(state.Addresses, endpoint.Addresses...)
		state.Endpoints = append(state.Endpoints, endpoint)
	}
	return state
}

// weighing leaves out those that ask for nothing, for most balancers do not look
// at weights; but not if all do.
func weighing(instances []discover.Instance) []discover.Instance {
	some := make([]discover.Instance, 0, len(instances))
	for _, i := range instances {
		if i.Weight() > 0 {
			some = append(some, i)
		}
	}
	if len(some) == 0 {
		return instances
	}
	return some
}
