package grpcdiscover_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/grpcdiscover"
)

// A client calls whoever is healthy.
func Example() {
	grpcdiscover.Register()                           // at the start of main
	registry, err := consul.New(nil, consul.Config{}) // CONSUL_HTTP_ADDR and the like
	if err != nil {
		log.Fatal(err)
	}
	cache := discover.NewCache(registry, discover.CacheConfig{})
	defer cache.Close()

	options := grpcdiscover.DialOptions(cache, grpcdiscover.Config{
		// Retries go to another instance each.
		ServiceConfig: `{"methodConfig": [{"name": [{}], "timeout": "2s", "retryPolicy": {"maxAttempts": 3,
			"initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`,
	})
	conn, err := grpc.NewClient("muster:///web?tag=v2&zone=eu-1", append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close() // before the cache
	answer, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Status)
}

// A server announces itself when it listens, with the health service as the
// check, and leaves so that no call fails: it withdraws, goes on serving until readers
// of the registry know, and then lets calls under way finish.
func Example_server() {
	registry, err := consul.New(nil, consul.Config{})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "10.0.0.7:9000")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }() // ends with GracefulStop, awaited below

	registrar := announce.NewRegistrar(registry, announce.Registration{
		ID: "web-1", Service: "web", Address: "10.0.0.7", Port: 9000,
		Check: announce.HealthCheck{GRPC: "10.0.0.7:9000", Interval: 5 * time.Second, DeregisterAfter: time.Minute},
	}, announce.RegistrarConfig{})
	if err := registrar.Announce(context.Background()); err != nil {
		log.Fatal(err)
	}

	// ... until a signal comes:
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := registrar.Withdraw(ctx); err != nil {
		log.Print(err)
	}
	if err := announce.AwaitAbsence(ctx, registry, discover.Query{Service: "web"}, "web-1"); err != nil {
		log.Print(err)
	}
	time.Sleep(time.Second) // for the other readers
	server.GracefulStop()
	if err := <-served; err != nil {
		log.Print(err)
	}
}

// Calls with the same key go to the same instance.
func ExampleWithKey() {
	cache := discover.NewCache(discover.Fixed(), discover.CacheConfig{})
	defer cache.Close()
	options := grpcdiscover.DialOptions(cache, grpcdiscover.Config{Policy: balance.ConsistentHash(balance.HashConfig{})})
	conn, err := grpc.NewClient("muster:///web", append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	_, err = healthpb.NewHealthClient(conn).Check(grpcdiscover.WithKey(context.Background(), "user 7"), &healthpb.HealthCheckRequest{})
	fmt.Println(err)
	// Output: rpc error: code = Unavailable desc = service "web": no instance to choose: the registry knows none such
}
