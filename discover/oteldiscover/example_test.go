package oteldiscover_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/httpdiscover"
	"github.com/realjf/muster/discover/oteldiscover"
)

// A program sets its providers up, as it does for all else, and tells of its
// cache and of its calls.
func Example() {
	reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder() // exporters, in a program
	telemetry, err := oteldiscover.New(oteldiscover.Config{
		Meters:  metric.NewMeterProvider(metric.WithReader(reader)),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
	})
	if err != nil {
		log.Fatal(err)
	}
	hello := httptest.NewServer(http.NotFoundHandler())
	defer hello.Close()
	var port int
	if _, err := fmt.Sscanf(hello.URL, "http://127.0.0.1:%d", &port); err != nil {
		log.Fatal(err)
	}
	source := discover.Fixed(discover.Instance{ID: "hello-1", Service: "hello", Address: "127.0.0.1", Port: port}) // or consul.New
	cache := discover.NewCache(source, discover.CacheConfig{})
	defer cache.Close()
	stop, err := telemetry.Follow(cache)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	transport := httpdiscover.New(cache, telemetry.HTTP(httpdiscover.Config{}))
	defer transport.Close()

	response, err := (&http.Client{Transport: transport}).Get("http://hello/")
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()

	for _, s := range spans.Ended() {
		for _, a := range s.Attributes() {
			if a.Key == "muster.instance.id" || a.Key == "muster.attempt.cause" || a.Key == "http.response.status_code" {
				fmt.Println(s.Name(), a.Key, a.Value.String())
			}
		}
	}
	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(metrics.ScopeMetrics[0].Metrics), "instruments")
	// Output:
	// GET muster.instance.id hello-1
	// GET muster.attempt.cause first
	// GET http.response.status_code 404
	// 9 instruments
}
