package announce_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

// Announce once the port listens, withdraw before it closes.
func ExampleRegistrar() {
	registry, err := consul.New(nil, consul.Config{}) // CONSUL_HTTP_ADDR and the like
	if err != nil {
		log.Fatal(err)
	}
	registrar := announce.NewRegistrar(registry, announce.Registration{
		ID:      "web-1",
		Service: "web",
		Address: "10.0.0.1",
		Port:    80,
		Check:   announce.HealthCheck{HTTP: "http://10.0.0.1:80/health", DeregisterAfter: time.Minute},
	}, announce.RegistrarConfig{})

	ctx := context.Background()
	if err := registrar.Announce(ctx); err != nil {
		log.Fatal(err)
	}

	// ... serve until it is time to leave ...

	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := registrar.Withdraw(ctx); err != nil {
		log.Print(err)
	}
	if err := announce.AwaitAbsence(ctx, registry, discover.Query{Service: "web"}, "web-1"); err != nil {
		log.Print(err)
	}
	// ... now no reader sends new requests: drain and close ...
}

// Health as the application knows it, told by heartbeats; and what becomes of
// the announcement meanwhile.
func ExampleRegistrarConfig() {
	var queue struct{ full, closed bool }
	registry, err := consul.New(nil, consul.Config{})
	if err != nil {
		log.Fatal(err)
	}
	registrar := announce.NewRegistrar(registry, announce.Registration{
		ID:      "worker-1",
		Service: "worker", // listens nowhere
		Check:   announce.HealthCheck{TTL: 15 * time.Second, DeregisterAfter: time.Hour},
	}, announce.RegistrarConfig{
		Health: func(context.Context) error {
			switch {
			case queue.closed:
				return errors.New("the queue is closed")
			case queue.full:
				return fmt.Errorf("%w: the queue is full", announce.ErrWarning)
			}
			return nil
		},
		OnStanding: func(before, now announce.Standing, cause error) {
			log.Printf("announcement: %s, was %s: %v", now, before, cause)
		},
	})
	if err := registrar.Announce(context.Background()); errors.Is(err, announce.ErrTaken) {
		log.Fatal(err) // instance id is taken: "worker-1" is announced by another process …
	}
	defer registrar.Withdraw(context.Background())
}

// A whole service: it listens on any port, announces where others reach it, and
// leaves on a signal so that no request fails.
func ExampleRun() {
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
	registrar := announce.NewRegistrar(registry, announce.Registration{
		ID: "web-1", Service: "web", // Run knows where others reach the listener
		Check: announce.HealthCheck{HTTP: "/health"},
	}, announce.RegistrarConfig{Verdict: 20 * time.Second})

	server := &http.Server{Handler: http.NotFoundHandler()}
	if err := announce.Run(ctx, registrar, server, listener, announce.RunConfig{}); err != nil {
		log.Fatal(err)
	}
}

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

// The life of an announcement. In a program ctx ends with a signal.
func ExampleStanding() {
	t := &example{}
	defer t.end()
	registry, err := consul.New(agenttest.Start(t).ConfigFor("example"), consul.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer registry.CloseIdleConnections()
	ctx, end := context.WithCancel(context.Background())
	defer end()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	registrar := announce.NewRegistrar(registry, announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{
		OnStanding: func(_, now announce.Standing, cause error) {
			fmt.Println(now)
			if now == announce.Registered {
				end() // it has been found, and leaves
			}
		},
	})
	err = announce.Run(ctx, registrar, &http.Server{Handler: http.NotFoundHandler()}, listener, announce.RunConfig{})
	fmt.Println("error:", err)
	// Output:
	// registering
	// registered
	// leaving
	// withdrawn
	// error: <nil>
}

// A process that serves HTTP and gRPC, each with a registration of its own. When
// it leaves, others see both in maintenance until they have drained.
func ExampleRunAll() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	registry, err := consul.New(nil, consul.Config{})
	if err != nil {
		log.Fatal(err)
	}
	part := func(service string, server announce.Server) announce.Part {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			log.Fatal(err)
		}
		registrar := announce.NewRegistrar(registry, announce.Registration{
			ID: service + "-1", Service: service, Check: announce.HealthCheck{TCP: ":"},
		}, announce.RegistrarConfig{})
		return announce.Part{Server: server, Listener: listener, Registrar: registrar}
	}
	err = announce.RunAll(ctx, []announce.Part{
		part("web", &http.Server{Handler: http.NotFoundHandler()}),
		part("web-grpc", announce.Graceful(grpc.NewServer())),
	}, announce.RunConfig{Maintenance: "leaving"})
	if err != nil {
		log.Fatal(err)
	}
}
