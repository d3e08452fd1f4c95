package kitdiscover_test

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	httptransport "github.com/go-kit/kit/transport/http"
	"github.com/go-kit/log"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/kitdiscover"
)

// factory makes what calls an instance over HTTP.
func factory(instance string) (endpoint.Endpoint, io.Closer, error) {
	target := &url.URL{Scheme: "http", Host: instance, Path: "/search"}
	decode := func(_ context.Context, r *http.Response) (any, error) { return io.ReadAll(r.Body) }
	return httptransport.NewClient(http.MethodGet, target, httptransport.EncodeJSONRequest, decode).Endpoint(), nil, nil
}

// A program that uses go-kit's sd/consul changes two lines, and nothing of what
// follows.
func Example_consul() {
	logger := log.NewLogfmtLogger(os.Stderr)

	// client := consulsd.NewClient(consulClient)
	// instancer := consulsd.NewInstancer(client, logger, "search", []string{"api", "v2"}, true)
	client, err := consul.New(nil, consul.Config{}) // CONSUL_HTTP_ADDR and the like
	if err != nil {
		stdlog.Fatal(err)
	}
	instancer := kitdiscover.NewInstancer(context.Background(), discover.Watch(client, discover.Query{Service: "search", Tags: "api,v2"}, discover.WatchConfig{}))
	defer instancer.Stop()

	endpointer := sd.NewEndpointer(instancer, factory, logger)
	defer endpointer.Close()
	search := lb.Retry(3, 500*time.Millisecond, lb.NewRoundRobin(endpointer))
	if _, err := search(context.Background(), struct{}{}); err != nil {
		stdlog.Print(err)
	}
}

// A Balancer takes the place of an endpointer and a go-kit balancer.
func ExampleNewBalancer() {
	cache := discover.NewCache(discover.Fixed( // or a consul.Client
		discover.Instance{ID: "search-1", Service: "search", Address: "10.0.0.1", Port: 80, Weights: discover.Weights{Passing: 2}},
		discover.Instance{ID: "search-2", Service: "search", Address: "10.0.0.2", Port: 80, Weights: discover.Weights{Passing: 1}},
	), discover.CacheConfig{})
	defer cache.Close()
	watch, err := cache.Follow(discover.Query{Service: "search"})
	if err != nil {
		stdlog.Fatal(err)
	}
	if _, err := watch.First(context.Background()); err != nil { // a call would wait as well
		stdlog.Fatal(err)
	}
	factory := func(instance string) (endpoint.Endpoint, io.Closer, error) {
		return func(context.Context, any) (any, error) { return instance, nil }, nil, nil
	}
	balancer := kitdiscover.NewBalancer(watch, factory, kitdiscover.BalancerConfig{Policy: balance.RoundRobin()})
	defer balancer.Close()

	search := lb.Retry(3, 500*time.Millisecond, balancer)
	count := map[any]int{}
	for range 6 {
		by, err := search(context.Background(), nil)
		if err != nil {
			stdlog.Fatal(err)
		}
		count[by]++
	}
	fmt.Println(count)
	// Output: map[10.0.0.1:80:4 10.0.0.2:80:2]
}

// Register once the port listens, deregister before it closes.
func ExampleNewRegistrar() {
	client, err := consul.New(nil, consul.Config{})
	if err != nil {
		stdlog.Fatal(err)
	}
	registrar := kitdiscover.NewRegistrar(announce.NewRegistrar(client, announce.Registration{
		ID: "search-1", Service: "search", Address: "10.0.0.1", Port: 80,
		Check: announce.HealthCheck{HTTP: "http://10.0.0.1:80/health"},
	}, announce.RegistrarConfig{}), kitdiscover.RegistrarConfig{})
	registrar.Register()
	defer registrar.Deregister()
}
