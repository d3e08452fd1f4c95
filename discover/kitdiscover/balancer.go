package kitdiscover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/internal/quiet"
)

// BalancerConfig holds what a Balancer can do without; the zero value works.
// Its functions may be called concurrently and must not block.
type BalancerConfig struct {
	// Policy chooses among the instances. Nil means the one with fewer calls
	// under way out of two, and none that fail:
	//
	//	balance.Outlier(balance.OutlierConfig{}, balance.LeastRequest())
	Policy balance.Policy
	// Key returns what the choice of an instance is to depend on, such as a
	// user's name; "" is nothing. It needs a policy that looks at it:
	// [balance.ConsistentHash].
	Key func(ctx context.Context, request any) string
	// Failure returns why the instance failed a call that ended so, and nil if
	// it did not; it counts against the instance. Nil means [Failure].
	Failure func(ctx context.Context, response any, err error) error
	// Observe is told of each call of an instance's endpoint when it has ended.
	// Its number, and of what it is a retry, are known where [Remember] is used,
	// for lb.Retry does not say. Nil means nobody is.
	Observe func(balance.Attempt)
	// Logger is told when no endpoint can be made for an instance, when it can
	// again, and what its closer says. Nil means silence.
	Logger *slog.Logger
}

// Balancer is a lb.Balancer. Its methods may be called concurrently, and so
// may the endpoints that it gives out.
type Balancer struct {
	watch    Watch
	balancer *balance.Balancer
	lines    *lines
	cfg      BalancerConfig
	endpoint endpoint.Endpoint
	closed   atomic.Bool
}

var _ lb.Balancer = (*Balancer)(nil)

// NewBalancer returns a balancer over watch, which is the balancer's own from
// then on: [Balancer.Close] closes it. The factory makes one endpoint for each
// address, when it is first called. Its closer is closed when no healthy
// instance is there any more and the calls to it have ended. A call that needs an
// endpoint that cannot be made goes to another instance; it is tried again a
// second later, and counts against the instance as [balance.ErrUnreachable].
// It panics when watch or factory is nil.
func NewBalancer(watch Watch, factory sd.Factory, cfg BalancerConfig) *Balancer {
	if watch == nil || factory == nil {
		panic("kitdiscover: NewBalancer needs a watch and a factory, and one of them is nil")
	}
	if cfg.Policy == nil {
		cfg.Policy = balance.Outlier(balance.OutlierConfig{}, balance.LeastRequest())
	}
	if cfg.Failure == nil {
		cfg.Failure = Failure
	}
	b := &Balancer{
		watch:    watch,
		balancer: balance.New(dialable{watch}, cfg.Policy),
		lines:    newLines(watch, factory, quiet.Logger(cfg.Logger)),
		cfg:      cfg,
	}
	b.endpoint = b.call
	return b
}

// Endpoint implements lb.Balancer. It does not block. The endpoint chooses an
// instance each time that it is called, and may be kept. The first calls wait
// until the registry was asked once, or their context ends.
//
// The error wraps lb.ErrNoEndpoints and [balance.ErrNoInstance], with the
// reason, when there is no healthy instance; [discover.ErrUnavailable] when the
// registry has not answered yet; [discover.ErrClosed] after Close. Those of a call can
// be the same ones, that of the factory, or else are the endpoint's.
func (b *Balancer) Endpoint() (endpoint.Endpoint, error) {
	if b.closed.Load() {
		return nil, fmt.Errorf("choose an endpoint: %w", discover.ErrClosed)
	}
	if s, answered := b.watch.Snapshot(); (answered || s.Err != nil) && !slices.ContainsFunc(s.Instances, hasPort) {
		if _, err := b.pick(context.Background(), balance.Request{}); err != nil { // at once, for there was an attempt
			return nil, err
		}
	}
	return b.endpoint, nil
}

// pick chooses for r.
func (b *Balancer) pick(ctx context.Context, r balance.Request) (*balance.Target, error) {
	if _, err := b.watch.Tried(ctx); err != nil {
		return nil, fmt.Errorf("choose an endpoint: %w", err)
	}
	target, err := b.balancer.Pick(ctx, r)
	if errors.Is(err, balance.ErrNoInstance) {
		return nil, fmt.Errorf("%w: %w", lb.ErrNoEndpoints, err)
	}
	return target, err
}

// call is the endpoint of all: it makes a call to an instance that there is an
// endpoint for.
func (b *Balancer) call(ctx context.Context, request any) (any, error) {
	var r balance.Request
	if b.cfg.Key != nil {
		if key := b.cfg.Key(ctx, request); key != "" {
			r.Key = balance.Key(key)
		}
	}
	attempts, _ := ctx.Value(attemptsKey{}).(*balance.Attempts) // nil where nobody remembers
	var cause error
	for {
		a, err := b.attempt(ctx, attempts, r)
		if err != nil {
			return nil, err
		}
		if attempts == nil {
			a.Cause = cause
		}
		response, made, err := b.callTo(a, request)
		if attempts != nil {
			attempts.Ended(err)
		}
		if made || ctx.Err() != nil || errors.Is(err, discover.ErrClosed) {
			return response, err
		}
		if tried(r.Tried, a.Target) { // and so are all the others
			return nil, err
		}
		r.Tried, cause = append(r.Tried, a.Target), err
	}
}

// attempt returns an attempt that begins.
func (b *Balancer) attempt(ctx context.Context, attempts *balance.Attempts, r balance.Request) (a balance.Attempt, err error) {
	if attempts == nil {
		a.Target, err = b.pick(ctx, r)
	} else {
		a, err = attempts.Choose(r, func(r balance.Request) (*balance.Target, error) { return b.pick(ctx, r) })
	}
	a.Context = ctx
	return a, err
}

func tried(targets []*balance.Target, target *balance.Target) bool {
	for _, one := range targets {
		if placeOf(&one.Instance) == placeOf(&target.Instance) {
			return true
		}
	}
	return false
}

// errPanic is what an instance is taken to have done whose endpoint panicked.
var errPanic = errors.New("the endpoint panicked")

// callTo calls the instance of an attempt and tells of the outcome. It reports
// whether a call was made: not where there is no endpoint.
func (b *Balancer) callTo(a balance.Attempt, request any) (response any, made bool, err error) {
	ctx := a.Context
	call, failure := a.Target.Start(), errPanic
	defer func() { // after a panic too
		if failure == nil && err != nil && errors.Is(ctx.Err(), context.Canceled) {
			call.Drop() // the caller went away, which is no success either
		} else {
			call.Done(failure)
		}
	}()
	l, err := b.lines.take(ctx, &a.Target.Instance)
	if err != nil {
		failure = b.cfg.Failure(ctx, nil, err)
		return nil, false, err
	}
	defer b.lines.release(l)
	began := time.Now()
	response, err = l.endpoint(ctx, request)
	failure = b.cfg.Failure(ctx, response, err)
	if b.cfg.Observe != nil {
		a.Took, a.Err, a.Failed = time.Since(began), err, failure != nil
		b.cfg.Observe(a)
	}
	return response, true, err
}

// Failure is the usual view of what counts against an instance: an error that
// its endpoint returns, with time-outs, and one that a response holds which is a
// go-kit endpoint.Failer. One from which net could not connect wraps
// [balance.ErrUnreachable]. A caller that went away counts against nobody.
func Failure(ctx context.Context, response any, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	if err == nil {
		if f, ok := response.(endpoint.Failer); ok {
			return f.Failed()
		}
		return nil
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("%w: %w", balance.ErrUnreachable, err)
	}
	return err
}

// Close ends the choosing and the watch, and waits for both and for a factory
// that is at work. Calls under way finish, without its waiting for them; their
// closers are closed then, all others before it returns. It may be called more
// than once.
func (b *Balancer) Close() error {
	b.closed.Store(true)
	err := b.balancer.Close()
	b.lines.close()
	return errors.Join(err, b.watch.Close())
}
