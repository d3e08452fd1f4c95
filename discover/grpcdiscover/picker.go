package grpcdiscover

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/realjf/muster/discover/balance"
)

// picker chooses among the instances that a connection is ready to.
type picker struct {
	choose  balance.Picker
	conns   map[*balance.Target]balancer.SubConn
	header  string
	failed  func(error) bool
	observe func(balance.Attempt) // nil while nobody is told
}

// Pick implements balancer.Picker.
func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	a, attempts := p.attempt(info.Ctx)
	result := balancer.PickResult{SubConn: p.conns[a.Target]}
	if p.observe == nil {
		result.Done = p.begin(a, attempts)
	} else {
		result.Done = p.watch(a, attempts)
	}
	return result, nil
}

// begin begins an attempt, and returns what ends it.
func (p *picker) begin(a balance.Attempt, attempts *balance.Attempts) func(balancer.DoneInfo) {
	call := a.Target.Start()
	return func(d balancer.DoneInfo) {
		if attempts != nil {
			attempts.Ended(endOf(d))
		}
		if failure := p.failure(d); failure == nil && saysNothing(d) {
			call.Drop()
		} else {
			call.Done(failure)
		}
	}
}

// watch is begin where somebody is told of the attempt.
func (p *picker) watch(a balance.Attempt, attempts *balance.Attempts) func(balancer.DoneInfo) {
	began := time.Now()
	call := a.Target.StartAt(began)
	return func(d balancer.DoneInfo) {
		ended := time.Now()
		failure := p.failure(d)
		a.Took, a.Err, a.Failed = ended.Sub(began), endOf(d), failure != nil
		if attempts != nil {
			attempts.Ended(a.Err)
		}
		if failure == nil && saysNothing(d) {
			call.Drop()
		} else {
			call.DoneAt(ended, failure)
		}
		p.observe(a)
	}
}

// attempt returns an attempt that begins, and what is remembered of those at the
// same call; nil where nobody remembers.
func (p *picker) attempt(ctx context.Context) (balance.Attempt, *balance.Attempts) {
	r := balance.Request{Key: keyOf(ctx, p.header)}
	attempts, _ := ctx.Value(attemptsKey{}).(*balance.Attempts)
	if attempts == nil {
		return balance.Attempt{Context: ctx, Target: p.choose.Pick(r)}, nil
	}
	a, _ := attempts.Choose(r, func(r balance.Request) (*balance.Target, error) { return p.choose.Pick(r), nil })
	a.Context = ctx
	return a, attempts
}

// failure returns the error of a call that the instance failed.
func (p *picker) failure(d balancer.DoneInfo) error {
	if d.Err != nil && p.failed(d.Err) {
		return d.Err
	}
	return nil
}

// saysNothing reports whether an attempt that was no failure was no success either:
// it was not sent, or its caller went away before it was answered.
func saysNothing(d balancer.DoneInfo) bool {
	return endOf(d) == errUnsent || status.Code(d.Err) == codes.Canceled && !d.BytesReceived
}

// errUnsent is how an attempt ends whose connection was gone before it began:
// gRPC chooses anew. Outliers are not known by it, for a server that is about to
// leave closes its connections too.
var errUnsent = fmt.Errorf("%w: its connection was closed a moment ago", balance.ErrUnreachable)

// endOf returns how an attempt ended.
func endOf(d balancer.DoneInfo) error {
	if d.Err == nil && !d.BytesSent && !d.BytesReceived {
		return errUnsent
	}
	return d.Err
}

// none is the picker where there is nothing to choose from. Calls that wait for
// ready wait; the others fail with UNAVAILABLE and the error's text.
type none struct{ err error }

// Pick implements balancer.Picker.
func (n none) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	return balancer.PickResult{}, n.err
}
