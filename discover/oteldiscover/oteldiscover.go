// Package oteldiscover tells OpenTelemetry what a program knows of services,
// how its registrations stand, and how its calls fare.
//
//	telemetry, err := oteldiscover.New(oteldiscover.Config{})
//	stop, err := telemetry.Follow(cache, registrar)
//	transport := httpdiscover.New(cache, telemetry.HTTP(httpdiscover.Config{}))
//	options := grpcdiscover.DialOptions(cache, grpcdiscover.Config{Observe: telemetry.Observe})
//	balancer := kitdiscover.NewBalancer(watch, factory, kitdiscover.BalancerConfig{Observe: telemetry.Observe})
//
// Each attempt at an HTTP request is a client span of its own, as the semantic
// conventions want it, that says which instance was chosen, the how manieth
// attempt it is and why there is another one; the instance sees it as the parent, where
// a propagator was set ([Config], or otel.SetTextMapPropagator): OpenTelemetry's own
// default sends nothing.
// Calls over gRPC and go-kit are told to [Telemetry.Observe]; their spans are made by
// OpenTelemetry's own instrumentation of these, and say which instance it was.
//
// The instruments, with their attributes:
//
//	muster.discovery.instances       service.peer.name, muster.query, muster.status
//	muster.discovery.state           service.peer.name, muster.query, muster.state: 1 for the one that a list is in
//	muster.discovery.age             service.peer.name, muster.query: seconds since the registry gave the list
//	muster.registrations             muster.standing
//	muster.registrations.healed      how often one was put back
//	muster.client.attempt.duration   service.peer.name, muster.attempt.cause, muster.attempt.outcome: seconds
//	http.client.request.duration     as the semantic conventions say: seconds
//	muster.client.ejections          service.peer.name: how often an instance was put out for its failures
//	muster.client.ejected            service.peer.name: instances that are out now
//
// A cause is first, unsent (nothing reached the instance before), failed (which
// makes it a retry), slow (a hedge), or silent (a copy, for whose response nobody
// waits, to an instance that was silent). An outcome is ok, failed (by the
// instance), lost (another attempt was answered before), or ended (by the caller).
// The names that begin with muster are this package's own. It depends on
// OpenTelemetry's API and on no SDK, and sends nothing itself.
package oteldiscover

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/realjf/muster/discover/balance"
)

// scope is the name of what this package tells.
const scope = "github.com/realjf/muster/discover/oteldiscover"

// The package's own attributes.
const (
	queryKey    = attribute.Key("muster.query")
	statusKey   = attribute.Key("muster.status")
	stateKey    = attribute.Key("muster.state")
	standingKey = attribute.Key("muster.standing")
	instanceKey = attribute.Key("muster.instance.id")
	causeKey    = attribute.Key("muster.attempt.cause")
	outcomeKey  = attribute.Key("muster.attempt.outcome")
)

// Config says whom to tell. What is nil is OpenTelemetry's global one.
type Config struct {
	Meters     metric.MeterProvider
	Tracers    trace.TracerProvider
	Propagator propagation.TextMapPropagator
}

// Telemetry tells. Its methods may be called concurrently, and do not block.
type Telemetry struct {
	meter      metric.Meter
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator

	attempts  metric.Float64Histogram
	requests  httpconv.ClientRequestDuration
	ejections metric.Int64ObservableCounter
	ejected   metric.Int64ObservableUpDownCounter
	outliers  balance.Ejections
}

// New returns a Telemetry. The error is that of an instrument that could not be
// made.
func New(cfg Config) (*Telemetry, error) {
	meters, tracers, propagator := cfg.Meters, cfg.Tracers, cfg.Propagator
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if propagator == nil {
		propagator = otel.GetTextMapPropagator()
	}
	t := &Telemetry{
		meter:      meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)),
		tracer:     tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		propagator: propagator,
	}
	var errs [5]error
	t.attempts, errs[0] = t.meter.Float64Histogram("muster.client.attempt.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of attempts at calls, until the response begins, or the end where nobody tells."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	t.requests, errs[1] = httpconv.NewClientRequestDuration(t.meter)
	t.ejections, errs[2] = t.meter.Int64ObservableCounter("muster.client.ejections", metric.WithUnit("{ejection}"),
		metric.WithDescription("How often an instance was put out for its failures."))
	t.ejected, errs[3] = t.meter.Int64ObservableUpDownCounter("muster.client.ejected", metric.WithUnit("{instance}"),
		metric.WithDescription("Instances that are out for their failures, of all balancers."))
	_, errs[4] = t.meter.RegisterCallback(t.tellEjections, t.ejections, t.ejected) // for as long as the meters are
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return t, nil
}

// named are the attributes of what is called by a service's name.
func named(service string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, semconv.ServicePeerName(service))...)
}
