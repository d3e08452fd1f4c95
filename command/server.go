package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/realjf/muster/endpoint"
	"github.com/realjf/muster/service"
	"github.com/realjf/muster/transport"
)

// listen opens the port that the service is served on; 0 is any free one.
func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another program has the port, choose one with -service.port, or 0 for any", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: this machine has no such address, choose one with -service.host", err)
	}
	return listener, err
}

// newHandler stacks the floors: rules, endpoints, HTTP.
func newHandler(svc *service.Service, library *figures, logger *slog.Logger) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	metrics, err := endpoint.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	for _, collector := range []prometheus.Collector{
		library,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	endpoints := endpoint.New(svc, endpoint.Config{Logger: logger, Metrics: metrics})
	return transport.NewHandler(endpoints, transport.Config{
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		Leaving: func() bool { return svc.Health() != nil },
		Logger:  logger,
	}), nil
}

// server is a running HTTP server.
type server struct {
	http *http.Server
	done chan struct{} // closed when it has ended
	err  error         // why; to be read after done

	mu     sync.Mutex
	silent map[net.Conn]bool // connections on which nothing was asked yet
}

// silentLimit is how long a connection on which nothing was asked yet may hold
// up the end. Shutdown alone would give each of them five seconds.
const silentLimit = time.Second

// note keeps track of the silent connections.
func (s *server) note(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.silent[conn] = true
	} else {
		delete(s.silent, conn)
	}
}

// hangUp closes the silent connections.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.silent {
		_ = conn.Close() // its client is told nothing either way
	}
}

// startServer serves handler on listener until Shutdown, or until that fails.
func startServer(listener net.Listener, handler http.Handler, logger *slog.Logger) *server {
	s := &server{
		http: &http.Server{
			Handler: handler,
			// What a slow or hostile client may take from us.
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
		done:   make(chan struct{}),
		silent: map[net.Conn]bool{},
	}
	s.http.ConnState = s.note
	go func() { // Shutdown ends it and waits
		defer close(s.done)
		s.err = s.http.Serve(listener)
	}()
	return s
}

// Shutdown takes no new connections, lets open requests end until ctx ends, and
// waits until the server has ended. The error says that requests were cut off.
func (s *server) Shutdown(ctx context.Context) error {
	defer time.AfterFunc(silentLimit, s.hangUp).Stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
