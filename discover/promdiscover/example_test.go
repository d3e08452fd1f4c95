package promdiscover_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/promdiscover"
)

// A program registers a collector over its cache, and is scraped.
func ExampleNewCollector() {
	source := discover.Fixed(discover.Instance{ID: "hello-1", Service: "hello", Address: "10.0.0.1", Port: 80}) // or consul.New
	cache := discover.NewCache(source, discover.CacheConfig{})
	defer cache.Close()
	if _, err := cache.Get(context.Background(), discover.Query{Service: "hello"}); err != nil {
		log.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(promdiscover.NewCollector(cache)) // and registrars, where it announces something
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})

	answer := httptest.NewRecorder()
	metrics.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "muster_discover_instances{") {
			fmt.Print(line)
		}
	}
	// Output:
	// muster_discover_instances{query="",service="hello",status="critical"} 0
	// muster_discover_instances{query="",service="hello",status="maintenance"} 0
	// muster_discover_instances{query="",service="hello",status="passing"} 1
	// muster_discover_instances{query="",service="hello",status="warning"} 0
}
