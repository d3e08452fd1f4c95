package grpcdiscover_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
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

	target, cfg := "muster:///web?tag=v2&zone=eu-1", grpcdiscover.Config{
		// Retries go to another instance each.
		ServiceConfig: `{"methodConfig": [{"name": [{}], "timeout": "2s", "retryPolicy": {"maxAttempts": 3,
			"initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`,
	}
	if err := grpcdiscover.Validate(target, cfg); err != nil { // gRPC would say so with the calls
		log.Fatal(err)
	}
	conn, err := grpc.NewClient(target, append(grpcdiscover.DialOptions(cache, cfg), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
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

// Without a registry: the instances are given.
func ExampleDialOptions() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	defer server.Stop()

	cache := discover.NewCache(discover.Fixed(discover.Instance{ // or a consul.Client
		ID: "web-1", Service: "web", Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port,
	}), discover.CacheConfig{})
	defer cache.Close()
	options := append(grpcdiscover.DialOptions(cache, grpcdiscover.Config{}), grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("muster:///web", options...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close() // before the cache
	answer, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(answer.GetStatus(), err)
	// Output: SERVING <nil>
}

// A server announces itself when it listens, with the health service as the
// check, and leaves on a signal so that no call fails: it withdraws, goes on serving
// until readers of the registry know, and then lets calls under way finish.
func Example_server() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	registry, err := consul.New(nil, consul.Config{})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	registrar := announce.NewRegistrar(registry, announce.Registration{
		ID: "web-1", Service: "web", // Run knows where others reach the listener
		Check: announce.HealthCheck{GRPC: ":", Interval: 5 * time.Second, DeregisterAfter: time.Minute},
	}, announce.RegistrarConfig{})
	if err := announce.Run(ctx, registrar, announce.Graceful(server), listener, announce.RunConfig{}); err != nil {
		log.Fatal(err)
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
