package consul_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

// example is a test to the registry of an example.
type example struct {
	agenttest.T
	ends []func()
}

func (e *example) Helper()          {}
func (e *example) Cleanup(f func()) { e.ends = append(e.ends, f) }
func (e *example) end() {
	for _, f := range e.ends {
		f()
	}
}

// An instance is registered, and found.
func Example() {
	t := &example{}
	defer t.end()
	at := agenttest.Start(t).ConfigFor("example") // nil in a program: CONSUL_HTTP_ADDR and the like

	registry, err := consul.New(at, consul.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer registry.CloseIdleConnections()
	ctx := context.Background()
	web := announce.Registration{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80}
	if err := registry.Register(ctx, web); err != nil { // an announce.Registrar keeps it true
		log.Fatal(err)
	}

	cache := discover.NewCache(registry, discover.CacheConfig{})
	defer cache.Close()
	snapshot, err := cache.Get(ctx, discover.Query{Service: "web"})
	if err != nil {
		log.Fatal(err)
	}
	for _, instance := range snapshot.Instances {
		fmt.Println(instance.ID, instance.HostPort(), instance.Status)
	}
	// Output: web-1 10.0.0.1:80 passing
}

// A registry with TLS, and a token that changes. Nothing is sent yet.
func ExampleNew() {
	_, err := consul.New(&api.Config{
		Address:    "https://consul.example:8501",
		Datacenter: "eu",
	}, consul.Config{Token: consul.TokenFile("/run/secrets/consul-token")})
	fmt.Println(err)

	_, err = consul.New(&api.Config{Address: "ftp://consul.example"}, consul.Config{})
	fmt.Println(err)
	// Output:
	// <nil>
	// registry: invalid address "ftp://consul.example": it begins with ftp://; want http, https or unix
}
