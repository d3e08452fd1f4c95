package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/config"
)

// registry is the registry that a service uses.
type registry struct {
	settings *api.Config // of its clients
	client   *api.Client // to see whether it is there
	address  string      // as people write it
	hostPort string      // where its HTTP API is; "" when that is no network address
	page     string      // the URL of its web page; "" likewise
	origin   string      // how it came to be the one
	embedded *embedded   // nil when it runs elsewhere
}

// openRegistry finds the registry that cfg asks for, or starts it in this
// process. The caller closes it. One that runs elsewhere may not be there yet:
// who named it would not want instances to gather in another. Only a default that
// nobody named is replaced by an embedded registry.
func openRegistry(ctx context.Context, cfg config.Registry, logger *slog.Logger) (*registry, error) {
	client, err := api.NewClient(cfg.Client())
	switch {
	case err != nil:
		return nil, fmt.Errorf("registry at %s: %w", cfg.Address, err)
	case cfg.Mode == config.Embedded:
		return embedRegistry(cfg, logger)
	case cfg.Mode == config.Consul || cfg.Named:
		return joined(cfg, client), nil
	}
	switch found, err := probe(ctx, client); found {
	case ready, unready:
		return joined(cfg, client), nil
	case foreign:
		return nil, explain(cfg.Address, err)
	}
	r, err := embedRegistry(cfg, logger)
	if errors.Is(err, syscall.EADDRINUSE) {
		// Another program found nothing at the same moment, and was faster.
		return joined(cfg, client), nil
	}
	return r, err
}

// joined describes a registry that runs elsewhere.
func joined(cfg config.Registry, client *api.Client) *registry {
	r := &registry{settings: cfg.Client(), client: client, address: cfg.Address, origin: "found at the default address"}
	switch {
	case cfg.Named:
		r.origin = "named"
	case cfg.Mode == config.Consul:
		r.origin = "wanted at the default address"
	}
	if hostPort, ok := cfg.HostPort(); ok {
		scheme := "http"
		if cfg.TLS {
			scheme = "https"
		}
		r.hostPort, r.page = hostPort, scheme+"://"+hostPort+"/"
	}
	return r
}

// embedRegistry starts a registry in this process.
func embedRegistry(cfg config.Registry, logger *slog.Logger) (*registry, error) {
	e, err := startEmbedded(cfg.Address, logger)
	if err != nil {
		return nil, fmt.Errorf("start the embedded registry at %s: %w", cfg.Address, err)
	}
	cfg.Address = e.address // the port may have been 0
	client, err := api.NewClient(cfg.Client())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("registry at %s: %w", cfg.Address, err), e.stop())
	}
	return &registry{
		settings: cfg.Client(), client: client, address: e.address, hostPort: e.address, page: "http://" + e.address + "/",
		origin: "embedded in this process", embedded: e,
	}, nil
}

// died is closed when an embedded registry has ended by itself. A registry
// elsewhere may come and go: the library outlives that.
func (r *registry) died() <-chan struct{} {
	if r.embedded == nil {
		return nil
	}
	return r.embedded.done
}

// gone reports whether nothing listens where the registry was. When it is not
// known, it is taken to be there.
func (r *registry) gone() bool {
	if r.hostPort == "" {
		return false
	}
	conn, err := net.DialTimeout("tcp", r.hostPort, time.Second)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = conn.Close() // it was only to see whether somebody is there
	return false
}

// close ends an embedded registry and waits for it.
func (r *registry) close() error {
	if r.embedded == nil {
		return nil
	}
	return r.embedded.stop()
}
