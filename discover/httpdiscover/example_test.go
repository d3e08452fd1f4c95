package httpdiscover_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
)

// hello starts a server and returns it as an instance of a service.
func hello() (discover.Instance, func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.URL.Query().Get("name"))
	}))
	at, err := url.Parse(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		log.Fatal(err)
	}
	return discover.Instance{ID: "hello-1", Service: "hello", Address: at.Hostname(), Port: port, Weights: discover.Weights{Passing: 1}}, server.Close
}

func ExampleNew() {
	instance, stop := hello()
	defer stop()
	cache := discover.NewCache(discover.Fixed(instance), discover.CacheConfig{}) // or over consul.New
	defer cache.Close()
	transport := httpdiscover.New(cache, httpdiscover.Config{})
	defer transport.Close()

	client := &http.Client{Transport: transport}
	response, err := client.Get("http://hello/?name=Ada")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(string(body), err)
	// Output: hello Ada <nil>
}

// What a service is called like can be said in all its parts.
func ExampleConfig() {
	cache := discover.NewCache(discover.Fixed(), discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, httpdiscover.Config{
		// The own zone first, and none that fail.
		Policy: balance.Outlier(balance.OutlierConfig{}, balance.Zone("eu-1", balance.LeastRequest())),
		// But the same instance for the same user, where instances keep something.
		PolicyFor: func(service string) balance.Policy {
			if service == "sessions" {
				return balance.ConsistentHash(balance.HashConfig{})
			}
			return nil
		},
		Key:   func(r *http.Request) string { return r.Header.Get("X-User") },
		Retry: httpdiscover.Retry{Attempts: 2, Timeout: 500 * time.Millisecond},
		Observe: func(a httpdiscover.Attempt) {
			slog.DebugContext(a.Request.Context(), "attempt", "service", a.Service, "instance", a.Target.ID,
				"number", a.Number, "took", a.Took, "status", a.Status, "error", a.Err)
		},
	})
	defer transport.Close()

	_, err := transport.RoundTrip(httptest.NewRequest("GET", "http://sessions/7", nil).WithContext(context.Background()))
	fmt.Println(err)
	// Output: call service "sessions": no instance to choose: the registry knows none such
}

// One instance hangs. Whoever is sent to it has the answer of the other one.
func ExampleHedge() {
	quick, stop := hello()
	defer stop()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hangs.Close()
	slow := quick
	slow.ID = "hello-2"
	if _, err := fmt.Sscanf(hangs.URL, "http://127.0.0.1:%d", &slow.Port); err != nil {
		log.Fatal(err)
	}
	cache := discover.NewCache(discover.Fixed(quick, slow), discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, httpdiscover.Config{
		Policy: balance.RoundRobin(),
		Hedge:  httpdiscover.Hedge{Percentile: 0.95, Delay: 10 * time.Millisecond},
	})
	defer transport.Close()

	client := &http.Client{Transport: transport}
	for range 4 {
		response, err := client.Get("http://hello/?name=Ada")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(string(body), err)
	}
	// Output:
	// hello Ada <nil>
	// hello Ada <nil>
	// hello Ada <nil>
	// hello Ada <nil>
}

func ExampleTransport_ReverseProxy() {
	instance, stop := hello()
	defer stop()
	cache := discover.NewCache(discover.Fixed(instance), discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, httpdiscover.Config{})
	defer transport.Close()

	routes := http.NewServeMux()
	routes.Handle("/hello/", transport.ReverseProxy(&url.URL{Scheme: "http", Host: "hello"}, slog.Default()))
	routes.Handle("/other/", transport.ReverseProxy(&url.URL{Scheme: "http", Host: "other"}, nil))

	for _, path := range []string{"/hello/?name=Ada", "/other/"} {
		answer := httptest.NewRecorder()
		routes.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		fmt.Println(answer.Code, strings.TrimSpace(answer.Body.String()))
	}
	// Output:
	// 200 hello Ada
	// 503 {"error":"there is no healthy instance of other"}
}
