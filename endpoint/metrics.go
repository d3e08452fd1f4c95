package endpoint

import (
	"context"
	"fmt"
	"time"

	kit "github.com/go-kit/kit/endpoint"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realjf/muster/service"
)

// Metrics counts calls and how long they take. A nil *Metrics counts nothing.
type Metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
}

// NewMetrics returns metrics that registerer hands out:
//
//	muster_requests_total{method,outcome}     calls that have ended
//	muster_request_duration_seconds{method}   how long they took
//
// It fails when registerer has metrics of these names already.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_requests_total",
			Help: "Calls that have ended, by method and outcome.",
		}, []string{"method", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_request_duration_seconds",
			Help: "How long calls took, by method.",
			// From an answer out of memory to one that waited for a registry.
			Buckets: prometheus.ExponentialBuckets(0.000_05, 4, 10),
		}, []string{"method"}),
	}
	for _, collector := range []prometheus.Collector{m.requests, m.durations} {
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// measure counts the calls of one method.
func (m *Metrics) measure(method string) kit.Middleware {
	return func(next kit.Endpoint) kit.Endpoint {
		if m == nil {
			return next
		}
		duration := m.durations.WithLabelValues(method)
		return func(ctx context.Context, request any) (any, error) {
			start := time.Now()
			response, err := next(ctx, request)
			duration.Observe(time.Since(start).Seconds())
			m.requests.WithLabelValues(method, string(service.KindOf(err))).Inc()
			return response, err
		}
	}
}
