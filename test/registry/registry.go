// Package registry runs registries as real processes, each on ports of its
// own on loopback and with empty data, so that the same story or benchmark can
// be told on every kind: muster's own agent, the registry inside a muster
// service, and a real Consul.
//
// It refuses to know what is registered in them.
package registry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/realjf/muster/test/program"
)

// startLimit bounds how long a registry may take until it answers. A real
// Consul under the race detector's load is the slowest.
const startLimit = 30 * time.Second

// Kind is a kind of registry: what to run, and what its users must know.
type Kind struct {
	Name string
	Path string                        // the executable
	Args func(Ports) ([]string, error) // called for each start

	// MinDeregisterAfter is what a shorter critical time is raised to.
	MinDeregisterAfter time.Duration
	// ReapEvery is how long after the critical time an instance may stay.
	ReapEvery time.Duration
}

// Ports are what a registry listens on.
type Ports struct{ HTTP, DNS int }

// Registry is one registry, which always starts with empty data and always
// on the same addresses.
type Registry struct {
	Kind
	Ports
	program *program.Program // nil before the first Start
}

// New returns a registry of the kind on free ports. It is not started.
func New(kind Kind) (*Registry, error) {
	r := &Registry{Kind: kind}
	for _, port := range []*int{&r.HTTP, &r.DNS} {
		free, err := program.FreePort()
		if err != nil {
			return nil, fmt.Errorf("new %s: %w", kind.Name, err)
		}
		*port = free
	}
	return r, nil
}

// Address returns the host and port of the registry's HTTP API.
func (r *Registry) Address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.HTTP))
}

// DNSAddress returns the host and port on which the registry answers DNS, over
// UDP and TCP. Those inside of a service do not.
func (r *Registry) DNSAddress() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.DNS))
}

// URL returns the address of a path of the registry's HTTP API.
func (r *Registry) URL(path string) string { return "http://" + r.Address() + path }

// Program returns the process that runs or ran last.
func (r *Registry) Program() *program.Program { return r.program }

// Launch starts the registry without waiting for it. The one that ran before
// must have ended.
func (r *Registry) Launch() error {
	args, err := r.Args(r.Ports)
	if err != nil {
		return fmt.Errorf("launch %s: %w", r.Name, err)
	}
	r.program, err = program.Start(program.Spec{Name: r.Name, Path: r.Path, Args: args})
	return err
}

// Start launches the registry and waits until it answers.
func (r *Registry) Start(ctx context.Context) error {
	if err := r.Launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return r.program.Await(ctx, r.Answers)
}

// Answers reports with nil that the registry serves: it has a leader and it
// knows its own node.
func (r *Registry) Answers(ctx context.Context) error {
	for _, path := range []string{"/v1/status/leader", "/v1/catalog/nodes"} {
		status, body, err := r.Get(ctx, path)
		if err != nil {
			return err
		}
		if empty := len(body) <= len(`[]`); status != http.StatusOK || empty {
			return fmt.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	return nil
}

// Get asks the registry and returns the whole answer.
func (r *Registry) Get(ctx context.Context, path string) (status int, body []byte, err error) {
	return r.do(ctx, http.MethodGet, path, nil)
}

// Put tells the registry; any status but 200 is an error.
func (r *Registry) Put(ctx context.Context, path string, body io.Reader) error {
	status, text, err := r.do(ctx, http.MethodPut, path, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("PUT %s: %d %s", path, status, text)
	}
	return err
}

func (r *Registry) do(ctx context.Context, method, path string, body io.Reader) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.URL(path), body)
	if err != nil {
		return 0, nil, err
	}
	request.Close = true // a registry that is about to be killed keeps no connection of ours
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return response.StatusCode, text, nil
}

// Stop asks the registry to leave (SIGINT), waits for its end and returns its
// exit code.
func (r *Registry) Stop(ctx context.Context) (int, error) {
	if err := r.program.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	return r.program.Wait(ctx)
}

// End kills the registry if it runs and waits until it is gone.
func (r *Registry) End() error {
	if r.program == nil {
		return nil
	}
	return r.program.End()
}
