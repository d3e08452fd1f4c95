package consul

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/internal/refusal"
	"github.com/realjf/muster/internal/valid"
)

// Register announces r to the agent, as [announce.Registry] says. The instance starts
// as passing unless its check says otherwise, for it listens already: a lost
// registration must be found again at once, and an agent may run its first
// check only an interval later. Where the agent knows the id and its check
// already, the check keeps its status and text until the next look.
// The error wraps ErrInvalid before anything is sent.
func (c *Client) Register(ctx context.Context, r announce.Registration) error {
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

// Deregister makes the agent forget id, as [announce.Registry] says.
func (c *Client) Deregister(ctx context.Context, id string) error {
	if err := valid.Name("service id", id); err != nil {
		return fmt.Errorf("deregister: %w", err)
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		return c.client.Agent().ServiceDeregisterOpts(id, options)
	})
	if err != nil && !refusal.IsNotFound(err) {
		return fmt.Errorf("deregister %q: %w", id, err)
	}
	return nil
}

// Await watches the agent's definition of id, as [announce.Registry] says. The hash
// covers the service and neither its checks nor its health; see Examine.
func (c *Client) Await(ctx context.Context, id, hash string) (string, error) {
	if err := valid.Name("service id", id); err != nil {
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
	if refusal.IsNotFound(err) {
		return "", fmt.Errorf("await %q: %w", id, announce.ErrNotRegistered)
	}
	if err != nil {
		return "", fmt.Errorf("await %q: %w", id, err)
	}
	return got, nil
}

// Report tells the agent the status (passing, warning or critical) of the TTL check
// that id was registered with, and why. It blocks for one request. The error wraps
// ErrNotRegistered when the agent has no such check.
func (c *Client) Report(ctx context.Context, id string, status discover.Status, text string) error {
	if err := valid.Name("service id", id); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		return c.client.Agent().UpdateTTLOpts(checkID(id), text, string(status), options)
	})
	if refusal.IsNotFound(err) || isNoTTL(err) {
		return fmt.Errorf("report on %q: its check: %w", id, announce.ErrNotRegistered)
	}
	if err != nil {
		return fmt.Errorf("report on %q: %w", id, err)
	}
	return nil
}

// isNoTTL reports whether the agent has a check of that name and of another
// kind. Consul has no status of its own for it.
func isNoTTL(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && strings.Contains(status.Body, "does not have associated TTL")
}

// Inspect asks the agent what it holds under id. It blocks for one request. The
// instance's Address is empty when it is the node's; its Node and Reason are where
// no check says them. The error wraps ErrNotRegistered when there is none.
func (c *Client) Inspect(ctx context.Context, id string) (discover.Instance, error) {
	if err := valid.Name("service id", id); err != nil {
		return discover.Instance{}, fmt.Errorf("inspect: %w", err)
	}
	var found *struct {
		Service *entryService
		Checks  entryChecks
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		// The client's own method takes each refusal for JSON, and hides what it is.
		_, err := c.client.Raw().Query("/v1/agent/health/service/id/"+id, &found, options)
		var status api.StatusError
		if errors.As(err, &status) && (status.Code == http.StatusTooManyRequests || status.Code == http.StatusServiceUnavailable) &&
			json.Unmarshal([]byte(status.Body), &found) == nil {
			return nil // the service is there, in warning or critical
		}
		return err
	})
	switch {
	case refusal.IsNotFound(err):
		return discover.Instance{}, fmt.Errorf("inspect %q: %w", id, announce.ErrNotRegistered)
	case err != nil:
		return discover.Instance{}, fmt.Errorf("inspect %q: %w", id, err)
	case found == nil:
		return discover.Instance{}, fmt.Errorf("inspect %q: %w", id, announce.ErrNotRegistered)
	case found.Service == nil || found.Service.ID != id || slices.Contains(found.Checks, nil):
		return discover.Instance{}, fmt.Errorf("inspect %q: the answer is not a service with its checks", id)
	}
	var node entryNode
	if len(found.Checks) > 0 {
		node.Node = found.Checks[0].Node
	}
	return entry{&node, found.Service, found.Checks}.instance(), nil
}

// Examine asks the agent for the check that id was registered with, and blocks for
// one request. The error wraps ErrNotRegistered when the agent does not have it.
func (c *Client) Examine(ctx context.Context, id string) error {
	if err := valid.Name("service id", id); err != nil {
		return fmt.Errorf("examine: %w", err)
	}
	filter := "CheckID == `" + checkID(id) + "`"
	if strings.Contains(id, "`") { // there is no other way to write it
		filter = ""
	}
	var checks map[string]*api.AgentCheck
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) (err error) {
		checks, err = c.client.Agent().ChecksWithFilterOpts(filter, options)
		return err
	})
	if err != nil {
		return fmt.Errorf("examine %q: %w", id, err)
	}
	if checks[checkID(id)] == nil {
		return fmt.Errorf("examine %q: its check: %w", id, announce.ErrNotRegistered)
	}
	return nil
}

// checkID is what an agent calls the one check of a registration.
func checkID(id string) string { return "service:" + id }

// Maintain has the agent put id into maintenance, and says why, until id is
// registered anew or deregistered. It blocks for one request. The error wraps
// ErrNotRegistered when the agent does not know id.
func (c *Client) Maintain(ctx context.Context, id, reason string) error {
	if err := valid.Name("service id", id); err != nil {
		return fmt.Errorf("maintain: %w", err)
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		return c.client.Agent().EnableServiceMaintenanceOpts(id, reason, options)
	})
	if refusal.IsNotFound(err) {
		return fmt.Errorf("maintain %q: %w", id, announce.ErrNotRegistered)
	}
	if err != nil {
		return fmt.Errorf("maintain %q: %w", id, err)
	}
	return nil
}

// Told waits until all who follow a service with blocking questions to this agent
// were told of its latest change, for patience at most, and reports whether they
// were. Muster's agent knows; the error wraps errors.ErrUnsupported where the
// registry does not, as a Consul.
func (c *Client) Told(ctx context.Context, service string, patience time.Duration) (bool, error) {
	if err := valid.Name("service name", service); err != nil {
		return false, fmt.Errorf("told: %w", err)
	}
	var told bool
	err := c.ask(ctx, api.QueryOptions{WaitTime: patience}, func(options *api.QueryOptions) error {
		_, err := c.client.Raw().Query("/v1/agent/followers/"+service, &told, options)
		return err
	})
	if refusal.IsNotFound(err) {
		return false, fmt.Errorf("told of %q: %w", service, errors.ErrUnsupported)
	}
	if err != nil {
		return false, fmt.Errorf("told of %q: %w", service, err)
	}
	return told, nil
}

// AgentAddress returns the address under which the agent is known to others.
// It blocks for one request.
func (c *Client) AgentAddress(ctx context.Context) (netip.Addr, error) {
	var self struct {
		Member struct{ Addr string }
	}
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		_, err := c.client.Raw().Query("/v1/agent/self", &self, options)
		return err
	})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("address of the agent: %w", err)
	}
	address, err := netip.ParseAddr(self.Member.Addr)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("address of the agent: %w", err)
	}
	return address, nil
}

// agentRegistration puts r into the words of Consul's API.
func agentRegistration(r announce.Registration) *api.AgentServiceRegistration {
	service := &api.AgentServiceRegistration{
		ID:      r.ID,
		Name:    r.Service,
		Address: r.Address,
		Port:    r.Port,
		Tags:    r.Tags,
		Meta:    r.Meta,
	}
	if r.Weights != (discover.Weights{}) {
		service.Weights = &api.AgentWeights{Passing: r.Weights.Passing, Warning: r.Weights.Warning}
	}
	if r.Locality != (discover.Locality{}) {
		service.Locality = &api.Locality{Region: r.Locality.Region, Zone: r.Locality.Zone}
	}
	service.Check = agentCheck(r.Check)
	return service
}

// agentCheck puts c into the words of Consul's API. Nil means that there is no
// check.
func agentCheck(c announce.HealthCheck) *api.AgentServiceCheck {
	if c.Unchecked || c.Kind() == "" {
		return nil
	}
	check := &api.AgentServiceCheck{
		HTTP:                           c.HTTP,
		GRPC:                           c.GRPC,
		GRPCUseTLS:                     c.GRPCTLS,
		TLSServerName:                  c.TLSServerName,
		TLSSkipVerify:                  c.TLSSkipVerify,
		TCP:                            c.TCP,
		TTL:                            durationOrNone(c.TTL),
		DeregisterCriticalServiceAfter: durationOrNone(c.DeregisterAfter),
		Status:                         string(cmp.Or(c.Status, discover.Passing)),
	}
	if c.TTL == 0 {
		check.Interval = cmp.Or(c.Interval, announce.DefaultCheckInterval).String()
		check.Timeout = durationOrNone(c.Timeout)
	}
	return check
}

// durationOrNone leaves a duration that was not given to the registry.
func durationOrNone(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
