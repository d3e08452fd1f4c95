package endpoint_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/endpoint"
	"github.com/realjf/muster/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// finder is a service.Finder out of a function.
type finder func(ctx context.Context, q discover.Query) (discover.Snapshot, error)

func (f finder) Get(ctx context.Context, q discover.Query) (discover.Snapshot, error) {
	return f(ctx, q)
}

func found(context.Context, discover.Query) (discover.Snapshot, error) {
	return discover.Snapshot{Instances: []discover.Instance{{ID: "web-1", Service: "web"}}}, nil
}

func missing(context.Context, discover.Query) (discover.Snapshot, error) {
	return discover.Snapshot{}, nil
}

func broken(context.Context, discover.Query) (discover.Snapshot, error) { panic("broken finder") }

// endless answers when its context ends, and never otherwise.
func endless(ctx context.Context, _ discover.Query) (discover.Snapshot, error) {
	<-ctx.Done()
	return discover.Snapshot{}, ctx.Err()
}

func TestEndpointsAnswer(t *testing.T) {
	svc := service.New(finder(found))
	set := endpoint.New(svc, endpoint.Config{})

	if got, err := set.SayHello(t.Context(), endpoint.SayHelloRequest{}); err != nil || got != (endpoint.SayHelloResponse{Message: "Hello World"}) {
		t.Errorf("say hello: got %v, %v", got, err)
	}
	got, err := set.Discovery(t.Context(), endpoint.DiscoveryRequest{ServiceName: "web"})
	if response, ok := got.(endpoint.DiscoveryResponse); err != nil || !ok || len(response.Instances) != 1 || response.Instances[0].ID != "web-1" {
		t.Errorf("discovery: got %v, %v", got, err)
	}
	if got, err := set.Health(t.Context(), endpoint.HealthRequest{}); err != nil || got != (endpoint.HealthResponse{Status: true}) {
		t.Errorf("health: got %v, %v", got, err)
	}
	svc.Leave()
	if _, err := set.Health(t.Context(), endpoint.HealthRequest{}); !errors.Is(err, service.ErrLeaving) {
		t.Errorf("health while leaving: got %v, want %v", err, service.ErrLeaving)
	}
}

func TestCallsAreCountedByOutcome(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := endpoint.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, find := range []finder{found, found, missing, broken} {
		set := endpoint.New(service.New(find), endpoint.Config{Metrics: metrics})
		_, _ = set.Discovery(t.Context(), endpoint.DiscoveryRequest{ServiceName: "web"})
	}
	want := `
# HELP muster_requests_total Calls that have ended, by method and outcome.
# TYPE muster_requests_total counter
muster_requests_total{method="discovery",outcome="internal"} 1
muster_requests_total{method="discovery",outcome="not_found"} 1
muster_requests_total{method="discovery",outcome="ok"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "muster_requests_total"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "muster_request_duration_seconds" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == "discovery" && metric.GetHistogram().GetSampleCount() != 4 {
				t.Errorf("durations: got %d, want 4", metric.GetHistogram().GetSampleCount())
			}
		}
	}
	if _, err := endpoint.NewMetrics(registry); err == nil {
		t.Error("metrics of the same name a second time: got no error")
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	var lines bytes.Buffer
	set := endpoint.New(service.New(finder(broken)), endpoint.Config{Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	_, err := set.Discovery(t.Context(), endpoint.DiscoveryRequest{ServiceName: "web"})
	var panicked *endpoint.PanicError
	if !errors.As(err, &panicked) || panicked.Value != "broken finder" {
		t.Fatalf("got %v, want a PanicError", err)
	}
	for _, want := range []string{"level=ERROR", "method=discovery", "outcome=internal", "broken finder", "endpoint_test.go"} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("log: got %q, want it to say %q", lines.String(), want)
		}
	}
}

func TestCallsEndAtTheDeadline(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Second} { // 0 is the default, 5 seconds
		synctest.Test(t, func(t *testing.T) {
			want := timeout
			if want == 0 {
				want = 5 * time.Second
			}
			set := endpoint.New(service.New(finder(endless)), endpoint.Config{Timeout: timeout})
			start := time.Now()
			_, err := set.Discovery(t.Context(), endpoint.DiscoveryRequest{ServiceName: "web"})
			if service.KindOf(err) != service.Timeout || time.Since(start) != want {
				t.Errorf("got %v after %v, want a time-out after %v", err, time.Since(start), want)
			}
		})
	}
}

func TestLogIsAsLoudAsTheOutcome(t *testing.T) {
	tests := []struct {
		name  string
		find  finder
		level string
	}{
		{"found", found, "level=DEBUG"},
		{"not found", missing, "level=DEBUG"},
		{"registry away", func(context.Context, discover.Query) (discover.Snapshot, error) {
			return discover.Snapshot{}, discover.ErrUnavailable
		}, "level=WARN"},
		{"surprise", func(context.Context, discover.Query) (discover.Snapshot, error) {
			return discover.Snapshot{}, errors.New("boom")
		}, "level=ERROR"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var lines bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
			set := endpoint.New(service.New(test.find), endpoint.Config{Logger: logger})
			_, _ = set.Discovery(t.Context(), endpoint.DiscoveryRequest{ServiceName: "web"})
			if got := lines.String(); !strings.Contains(got, test.level) || strings.Count(got, "\n") != 1 {
				t.Errorf("got %q, want one line with %s", got, test.level)
			}
		})
	}
}
