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
	address  string      // as people write it
	hostPort string      // where its HTTP API is; "" when that is no network address
	page     string      // the URL of its web page; "" likewise
	origin   string      // how it came to be the one
	embedded *embedded   // nil when it runs elsewhere
}

// openRegistry finds the registry that cfg asks for, or starts it in this
// process. The caller closes it. It waits, for a bounded time, for a cluster
// that is electing its leader.
func openRegistry(ctx context.Context, cfg config.Registry, logger *slog.Logger) (*registry, error) {
	client, err := api.NewClient(cfg.Client())
	if err != nil {
		return nil, fmt.Errorf("registry at %s: %w", cfg.Address, err)
	}
	found := absent
	if cfg.Mode != config.Embedded {
		found, err = awaitReady(ctx, client, false, logger)
	}
	switch decide(cfg.Mode, cfg.Named, found) {
	case join:
		return joined(cfg), nil
	case giveUp:
		return nil, explain(cfg, found, err)
	}

	r, err := embedRegistry(cfg, logger)
	if cfg.Mode == config.Embedded || !errors.Is(err, syscall.EADDRINUSE) {
		return r, err
	}
	// Another program found nothing at the same moment, and was faster.
	if found, err = awaitReady(ctx, client, true, logger); found != ready {
		return nil, explain(cfg, found, err)
	}
	return joined(cfg), nil
}

// joined describes a registry that runs elsewhere.
func joined(cfg config.Registry) *registry {
	r := &registry{settings: cfg.Client(), address: cfg.Address, origin: "found at the default address"}
	if cfg.Named {
		r.origin = "named"
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
	return &registry{
		settings: cfg.Client(), address: e.address, hostPort: e.address, page: "http://" + e.address + "/",
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

// explain says in one sentence why there is no registry to use, and what to do.
func explain(cfg config.Registry, found presence, cause error) error {
	switch found {
	case absent:
		remedy := "start a Consul or muster agent there"
		if !cfg.Named {
			remedy += ", or leave out -registry consul to use an embedded one"
		}
		return fmt.Errorf("no registry answers at %s (%w): %s", cfg.Address, cause, remedy)
	case foreign:
		return fmt.Errorf("what answers at %s is no Consul registry (%w): name another with -consul.host and -consul.port; CONSUL_HTTP_SSL says whether it speaks HTTPS", cfg.Address, cause)
	default:
		return fmt.Errorf("the registry at %s is not ready (%w)", cfg.Address, cause)
	}
}
