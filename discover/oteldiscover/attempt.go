package oteldiscover

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
)

// Why there is an attempt.
const (
	first  = "first"
	unsent = "unsent"
	silent = "silent"
	failed = "failed"
	slow   = "slow"
)

// How it ended.
const (
	ok    = "ok"
	lost  = "lost"
	ended = "ended"
	// and failed
)

// causeOf puts the cause of an attempt into a word.
func causeOf(cause error) string {
	switch {
	case cause == nil:
		return first
	case errors.Is(cause, httpdiscover.ErrSlow):
		return slow
	case errors.Is(cause, httpdiscover.ErrSilent):
		return silent
	case errors.Is(cause, balance.ErrUnreachable):
		return unsent
	}
	return failed
}

// Observe tells of a call of any protocol: it is what Observe of
// grpcdiscover.Config and of kitdiscover.BalancerConfig can be. The span of the
// call's context gets to know the instance.
func (t *Telemetry) Observe(a balance.Attempt) {
	cause, outcome := causeOf(a.Cause), ok
	switch {
	case a.Failed, errors.Is(a.Err, balance.ErrUnreachable):
		outcome = failed
	case a.Err != nil && a.Context.Err() != nil:
		outcome = ended
	}
	if a.Number > 1 && a.Cause == nil { // which nobody told
		cause = failed
	}
	trace.SpanFromContext(a.Context).SetAttributes(peer(a.Target.Instance)...)
	t.count(a.Context, a.Target.Service, cause, outcome, a.Took)
}

// count tells of an attempt that has ended.
func (t *Telemetry) count(ctx context.Context, service, cause, outcome string, took time.Duration) {
	t.attempts.Record(ctx, took.Seconds(), named(service, causeKey.String(cause), outcomeKey.String(outcome)))
}

// peer says which instance was chosen.
func peer(i discover.Instance) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.ServicePeerName(i.Service),
		semconv.NetworkPeerAddress(i.Address),
		semconv.NetworkPeerPort(i.Port),
		instanceKey.String(i.ID),
	}
}
