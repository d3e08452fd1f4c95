package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/realjf/muster/agent/telemetry"
)

// agentMetrics tells how the agent fares, in Consul's JSON or for Prometheus.
func (a *API) agentMetrics(r *http.Request) (any, error) {
	if parameters(r).Get("format") != "prometheus" {
		return a.telemetry.Report(), nil
	}
	text, err := a.telemetry.Prometheus()
	if err != nil {
		return nil, err
	}
	return &reply{header: http.Header{"Content-Type": {"text/plain; version=0.0.4; charset=utf-8"}}, text: textOf(text)}, nil
}

// agentMetricsStream tells the same again and again, whenever an interval of it
// is over.
func (a *API) agentMetricsStream(*http.Request) (any, error) {
	return stream(func(ctx context.Context, send func([]byte) error) error {
		if err := send(nil); err != nil {
			return err
		}
		return a.telemetry.Stream(ctx, func(report telemetry.Report) error {
			text, err := json.MarshalIndent(report, "", "    ")
			if err != nil {
				return err
			}
			return send(append(text, '\n'))
		})
	}), nil
}

// seriesPath is what the metrics call a path, as Consul's do: without the
// names in it.
func seriesPath(path string) string {
	name := make([]byte, 0, len(path))
	for n := 1; n < len(path); n++ {
		switch c := path[n]; c {
		case '/':
			name = append(name, '_')
		case '{':
			return string(name)
		default:
			name = append(name, c)
		}
	}
	return string(name)
}

// Gauge tells what value returns among the metrics, whenever somebody asks. It
// must be quick, and safe to be called at once by many.
func (a *API) Gauge(name string, value func() float64) { a.telemetry.Gauge(name, value) }
