package matrix

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

// ttl is how long the registry believes an instance. It is shorter than the
// faults, as that of an outage usually is: whoever cannot be heard for so long is
// critical when the registry is back.
const ttl = 3 * time.Second

// scene is a registry, the instances that are announced there, and what lies
// between all of them.
type scene struct {
	*testing.T
	registry *agenttest.Agent
	network  network
	fleet    []*instance
}

// instance is an HTTP server that a registrar announces.
type instance struct {
	scene     *scene
	name      string
	address   string
	ending    atomic.Bool // or about to hang: the control does not call it
	server    *http.Server
	registrar *announce.Registrar
	all       sync.WaitGroup // the server, and a leave

	mu    sync.Mutex
	ended time.Time     // zero while it serves
	stuck chan struct{} // closed when it goes on; nil while it does
}

// announce starts an instance, which comes to the registry by an address of its
// own.
func (s *scene) announce(n int) *instance {
	s.Helper()
	i := &instance{scene: s, name: instanceName(n)}
	l, err := s.network.listen(n)
	if err != nil {
		s.Fatal(err)
	}
	i.server = &http.Server{Handler: i}
	i.all.Go(func() { _ = i.server.Serve(l) }) // ends with the server; awaited by end
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	i.address = l.Addr().String()
	number, err := strconv.Atoi(port)
	if err != nil {
		s.Fatal(err)
	}
	registry, err := consul.New(s.registry.ConfigFor(i.name), consul.Config{})
	if err != nil {
		s.Fatal(err)
	}
	i.registrar = announce.NewRegistrar(registry, announce.Registration{
		ID: i.name, Service: "web", Address: host, Port: number, Check: announce.HealthCheck{TTL: ttl},
	}, announce.RegistrarConfig{Dial: s.network.dial})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := i.registrar.Announce(ctx); err != nil {
		s.Fatal(err)
	}
	return i
}

// ServeHTTP answers 200, unless the instance hangs.
func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	stuck := i.stuck
	i.mu.Unlock()
	if stuck == nil {
		return
	}
	select {
	case <-stuck:
	case <-r.Context().Done():
	}
}

func (i *instance) hang() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stuck = make(chan struct{})
}

func (i *instance) goOn() {
	i.mu.Lock()
	defer i.mu.Unlock()
	close(i.stuck)
	i.stuck = nil
}

// die ends it as kill -9 does: nobody is told.
func (i *instance) die() {
	i.scene.registry.Fail(agenttest.Down, i.name)
	i.ends()
	_ = i.server.Close() // it is dead
}

// ends notes that it is about to end.
func (i *instance) ends() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ended = time.Now()
}

// inFlight reports whether what was sent to an address then was sent before the
// instance there began to end.
func (s *scene) inFlight(address string, then time.Time) bool {
	for _, i := range s.fleet {
		i.mu.Lock()
		ended := i.ended
		i.mu.Unlock()
		if i.address == address && !ended.IsZero() {
			return then.Before(ended)
		}
	}
	return false
}

// leave ends it as a program ends that is told to: it withdraws, serves on for
// two seconds, within which it can be forgotten, and ends when all are answered.
func (i *instance) leave() {
	i.all.Go(func() { // ends within seconds; awaited by end
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = i.registrar.Withdraw(ctx) // the registry may be away
		<-ctx.Done()
		i.ends()
		_ = i.server.Shutdown(context.Background()) // its requests are bounded
	})
}

func (i *instance) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = i.registrar.Withdraw(ctx) // some are dead, and the registry may be
	_ = i.server.Close()          // likewise
	i.all.Wait()
}
