package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// Register announces r to the agent, as [Registry] says. The instance starts
// as passing, for it listens already: a lost registration must be found again
// at once, and an agent may run its first check only an interval later.
// The error wraps ErrInvalid before anything is sent.
func (c *Consul) Register(ctx context.Context, r Registration) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("register %q: %w", r.ID, err)
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		// Checks of an earlier definition would outlive it otherwise.
		replace := api.ServiceRegisterOpts{ReplaceExistingChecks: true, Token: options.Token}
		return c.client.Agent().ServiceRegisterOpts(agentRegistration(r), replace.WithContext(options.Context()))
	})
	if err != nil {
		return fmt.Errorf("register %q: %w", r.ID, err)
	}
	return nil
}

// Deregister makes the agent forget id, as [Registry] says.
func (c *Consul) Deregister(ctx context.Context, id string) error {
	if err := validName("service id", id); err != nil {
		return fmt.Errorf("deregister: %w", err)
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		return c.client.Agent().ServiceDeregisterOpts(id, options)
	})
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("deregister %q: %w", id, err)
	}
	return nil
}

// Await watches the agent's definition of id, as [Registry] says. The hash
// covers the service and neither its checks nor its health: checks that
// somebody took away are not noticed.
func (c *Consul) Await(ctx context.Context, id, hash string) (string, error) {
	if err := validName("service id", id); err != nil {
		return "", fmt.Errorf("await: %w", err)
	}
	var got string
	err := c.ask(ctx, api.QueryOptions{WaitHash: hash, WaitTime: c.wait}, func(options *api.QueryOptions) error {
		service, meta, err := c.client.Agent().Service(id, options)
		if err != nil {
			return err
		}
		if got = meta.LastContentHash; got == "" || service == nil || service.ID != id {
			return errors.New("the answer is not a service with a hash")
		}
		return nil
	})
	if isNotFound(err) {
		return "", fmt.Errorf("await %q: %w", id, ErrNotRegistered)
	}
	if err != nil {
		return "", fmt.Errorf("await %q: %w", id, err)
	}
	return got, nil
}

// agentRegistration puts r into the words of Consul's API.
func agentRegistration(r Registration) *api.AgentServiceRegistration {
	service := &api.AgentServiceRegistration{
		ID:      r.ID,
		Name:    r.Service,
		Address: r.Address,
		Port:    r.Port,
		Tags:    r.Tags,
		Meta:    r.Meta,
	}
	if r.Weights != (Weights{}) {
		service.Weights = &api.AgentWeights{Passing: r.Weights.Passing, Warning: r.Weights.Warning}
	}
	if r.Check.HTTP != "" {
		service.Check = &api.AgentServiceCheck{
			HTTP:                           r.Check.HTTP,
			Interval:                       cmp.Or(r.Check.Interval, DefaultCheckInterval).String(),
			Timeout:                        durationOrNone(r.Check.Timeout),
			DeregisterCriticalServiceAfter: durationOrNone(r.Check.DeregisterAfter),
			Status:                         api.HealthPassing,
		}
	}
	return service
}

// durationOrNone leaves a duration that was not given to the registry.
func durationOrNone(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func isNotFound(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}

// isBusy reports whether a registry refused because it is asked for too much:
// both Consul and muster then say to try again, which one that shuts down or
// cannot answer does not.
func isBusy(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusTooManyRequests ||
		status.Code == http.StatusServiceUnavailable && strings.Contains(status.Body, "try again"))
}
