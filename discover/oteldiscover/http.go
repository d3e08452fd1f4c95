package oteldiscover

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
)

// HTTP returns cfg with hooks that tell of each attempt, before those that cfg has
// itself, which are called too. Where cfg has no policy, it gets the usual one,
// with [Telemetry.Outlier].
func (t *Telemetry) HTTP(cfg httpdiscover.Config) httpdiscover.Config {
	begin, observe := cfg.Begin, cfg.Observe
	cfg.Begin = func(a httpdiscover.Attempt, header http.Header) context.Context {
		a.Context = t.begin(a, header)
		if begin != nil {
			return begin(a, header)
		}
		return a.Context
	}
	cfg.Observe = func(a httpdiscover.Attempt) {
		t.end(a)
		if observe != nil {
			observe(a)
		}
	}
	if cfg.Policy == nil {
		policyFor := cfg.PolicyFor
		cfg.PolicyFor = func(service string) balance.Policy {
			if policyFor != nil {
				if policy := policyFor(service); policy != nil {
					return policy
				}
			}
			return t.Outlier(balance.OutlierConfig{}, balance.LeastRequest())
		}
	}
	return cfg
}

// begin starts the span of an attempt, and lets the instance know it.
func (t *Telemetry) begin(a httpdiscover.Attempt, header http.Header) context.Context {
	method, original := methodOf(a.Request)
	attributes := append(peer(a.Target.Instance),
		semconv.HTTPRequestMethodKey.String(method),
		semconv.URLFull(fullURL(a.Request.URL)),
		semconv.ServerAddress(a.Request.URL.Hostname()),
		semconv.ServerPort(portOf(a.Request.URL)),
		causeKey.String(causeOf(a.Cause)),
	)
	if original != "" {
		attributes = append(attributes, semconv.HTTPRequestMethodOriginal(original))
	}
	if a.Number > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(a.Number-1))
	}
	name := method
	if original != "" {
		name = "HTTP"
	}
	ctx, _ := t.tracer.Start(a.Context, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	t.propagator.Inject(ctx, propagation.HeaderCarrier(header))
	return ctx
}

// end ends the span of an attempt and counts it.
func (t *Telemetry) end(a httpdiscover.Attempt) {
	outcome := ok
	switch {
	case a.Lost:
		outcome = lost
	case a.Failed:
		outcome = failed
	case a.Err != nil:
		outcome = ended
	}
	method, _ := methodOf(a.Request)
	result := resultOf(a)
	span := trace.SpanFromContext(a.Context)
	span.SetAttributes(append(result, outcomeKey.String(outcome))...)
	switch {
	case outcome == lost: // as it was meant to
	case a.Err != nil:
		span.SetStatus(codes.Error, a.Err.Error())
	case a.Status >= 400:
		span.SetStatus(codes.Error, "")
	}
	span.End()
	t.count(a.Context, a.Service, causeOf(a.Cause), outcome, a.Took)
	t.requests.Record(a.Context, a.Took.Seconds(), httpconv.RequestMethodAttr(method),
		a.Request.URL.Hostname(), portOf(a.Request.URL), append(result, semconv.ServicePeerName(a.Service))...)
}

// resultOf says how an attempt ended, in the words of the conventions.
func resultOf(a httpdiscover.Attempt) []attribute.KeyValue {
	switch {
	case a.Lost:
		return []attribute.KeyValue{semconv.ErrorTypeKey.String(lost)}
	case a.Err != nil:
		return []attribute.KeyValue{semconv.ErrorType(a.Err)}
	case a.Status >= 400:
		return []attribute.KeyValue{semconv.HTTPResponseStatusCode(a.Status), semconv.ErrorTypeKey.String(strconv.Itoa(a.Status))}
	}
	return []attribute.KeyValue{semconv.HTTPResponseStatusCode(a.Status)}
}

// methods are those that an attribute may have: others may be anything that a
// caller thinks of.
var methods = []string{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}

func methodOf(r *http.Request) (method, original string) {
	if r.Method == "" {
		return http.MethodGet, ""
	}
	if !slices.Contains(methods, r.Method) {
		return "_OTHER", r.Method
	}
	return r.Method, ""
}

// portOf returns the port of what a URL with a service's name stands for: the
// scheme's.
func portOf(u *url.URL) int {
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

// fullURL returns a URL without what is secret in it by the conventions.
func fullURL(u *url.URL) string {
	shown := *u
	if shown.User != nil {
		shown.User = url.UserPassword("REDACTED", "REDACTED")
	}
	return shown.String()
}
