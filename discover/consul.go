package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// ConsulConfig holds what a Consul can do without; the zero value works.
type ConsulConfig struct {
	// Wait is how long the registry may hold a question back while nothing
	// changes; 0 means a minute, and Consul takes at most ten. A longer one
	// means fewer requests, and that a connection that broke without a word
	// is noticed later.
	Wait time.Duration
	// MaxStale is how old the answer to a [Stale] question may be; 0 means
	// ten seconds. When a server is that far behind, the leader is asked
	// instead.
	MaxStale time.Duration
	// Token gives the token that each request carries, so that a new one is
	// used as soon as it is there; it must return soon and may be called at
	// once from several goroutines. [TokenFile] reads it from a file. Nil
	// leaves the client's own.
	Token func() (string, error)
}

// Consul is a registry that speaks Consul's HTTP API: a Consul agent or
// muster's own. It is a [Source] and a [Registry], and safe for concurrent
// use.
type Consul struct {
	client   *api.Client
	wait     time.Duration
	maxStale time.Duration
	token    func() (string, error)
}

var (
	_ Source   = (*Consul)(nil)
	_ Registry = (*Consul)(nil)
)

// NewConsul returns the registry that client speaks to, with its address,
// token, datacenter and TLS.
func NewConsul(client *api.Client, cfg ConsulConfig) *Consul {
	return &Consul{
		client:   client,
		wait:     cmp.Or(cfg.Wait, time.Minute),
		maxStale: cmp.Or(cfg.MaxStale, 10*time.Second),
		token:    cfg.Token,
	}
}

// Next answers q from the registry's health endpoint, as [Source] says. It
// asks for all instances and not only for the passing ones, so that a caller
// can be told why the others are out.
func (c *Consul) Next(ctx context.Context, q Query, after uint64) (Snapshot, error) {
	if err := q.Validate(); err != nil {
		return Snapshot{}, err
	}
	s, err := c.health(ctx, q, after)
	if err != nil {
		return Snapshot{}, fmt.Errorf("health of service %q: %w", q.Service, err)
	}
	return s, nil
}

// health answers q from the datacenter that it names, and when none is healthy
// there from the first of the others that has one.
func (c *Consul) health(ctx context.Context, q Query, after uint64) (Snapshot, error) {
	s, err := c.healthIn(ctx, q, q.Datacenter, after)
	if err != nil || len(s.Instances) > 0 {
		return s, err
	}
	for _, datacenter := range list(q.Failover) {
		// One that cannot be asked has nobody to offer; the next one may.
		other, err := c.healthIn(ctx, q, datacenter, 0)
		if err == nil && len(other.Instances) > 0 {
			s.Instances = other.Instances
			return s, nil
		}
	}
	return s, ctx.Err()
}

// failoverWait is how long a question with fail-over is held back at most: only
// a new question sees what changes in the other datacenters.
const failoverWait = 5 * time.Second

// healthIn answers q from one datacenter.
func (c *Consul) healthIn(ctx context.Context, q Query, datacenter string, after uint64) (Snapshot, error) {
	wait := c.wait
	if q.Failover != "" {
		wait = min(wait, failoverWait)
	}
	s, behind, err := c.healthOnce(ctx, q, api.QueryOptions{
		Datacenter: datacenter, AllowStale: q.Consistency == Stale, RequireConsistent: q.Consistency == Consistent,
		WaitIndex: after, WaitTime: wait,
	})
	if err == nil && q.Consistency == Stale && behind > c.maxStale {
		s, _, err = c.healthOnce(ctx, q, api.QueryOptions{Datacenter: datacenter})
	}
	return s, err
}

// healthOnce makes one request, and returns how far behind the leader the
// server was that answered it.
func (c *Consul) healthOnce(ctx context.Context, q Query, how api.QueryOptions) (s Snapshot, behind time.Duration, err error) {
	how.Near, how.Filter = q.Near, q.Filter
	err = c.ask(ctx, how, func(options *api.QueryOptions) error {
		// An answer without a known leader is an answer: the servers that
		// gave it know the instances, and KnownLeader is not looked at.
		entries, meta, err := c.client.Health().ServiceMultipleTags(q.Service, q.TagList(), false, options)
		if err != nil {
			return err
		}
		s, err = snapshotOf(q, entries)
		s.Index, s.Confirmed = max(meta.LastIndex, 1), time.Now()
		behind = meta.LastContact
		return err
	})
	return s, behind, err
}

// IsMuster reports whether the registry is muster's agent rather than a
// Consul. It blocks for one request.
func (c *Consul) IsMuster(ctx context.Context) (bool, error) {
	var self map[string]any
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		_, err := c.client.Raw().Query("/v1/agent/self", &self, options)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("tell muster from consul: %w", err)
	}
	_, is := self["Muster"]
	return is, nil
}

// patience is how long an answer that the registry does not hold back may
// take. A Consul without a leader looks for one for up to ten seconds before
// it answers, even to a registration.
const patience = 15 * time.Second

// ask makes one request, as how says, within the time that it may take: a
// connection that broke without a word must not hang a loop for ever.
func (c *Consul) ask(ctx context.Context, how api.QueryOptions, request func(*api.QueryOptions) error) error {
	limit := patience
	if how.WaitIndex > 0 || how.WaitHash != "" {
		limit += how.WaitTime + how.WaitTime/16 // Consul adds up to a sixteenth
	} else {
		how.WaitTime = 0
	}
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return fmt.Errorf("token: %w", err)
		}
		how.Token = token
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := request(how.WithContext(bounded))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return fmt.Errorf("no answer within %s", limit)
	}
	return err
}

// snapshotOf sorts the registry's entries into a snapshot. What cannot be
// Consul's is an error, for it must not empty a list.
func snapshotOf(q Query, entries []*api.ServiceEntry) (Snapshot, error) {
	if entries == nil {
		return Snapshot{}, errors.New("the answer is not a list")
	}
	var s Snapshot
	for _, entry := range entries {
		if entry == nil || entry.Node == nil || entry.Service == nil || slices.Contains(entry.Checks, nil) {
			return Snapshot{}, errors.New("the answer holds an entry without a node, a service or a check")
		}
		s.add(q, instanceOf(entry))
	}
	s.sort(q)
	return s, nil
}

func instanceOf(entry *api.ServiceEntry) Instance {
	service := entry.Service
	i := Instance{
		ID:         service.ID,
		Service:    service.Service,
		Address:    cmp.Or(service.Address, entry.Node.Address),
		Port:       service.Port,
		Tags:       append([]string{}, service.Tags...),
		Meta:       copyMeta(service.Meta),
		Weights:    Weights{Passing: service.Weights.Passing, Warning: service.Weights.Warning},
		Datacenter: entry.Node.Datacenter,
		Node:       entry.Node.Node,
		// A status that nobody has heard of is no reason to send traffic.
		Status: cmp.Or(Status(entry.Checks.AggregatedStatus()), Critical),
	}
	if locality := cmp.Or(service.Locality, entry.Node.Locality); locality != nil {
		i.Locality = Locality(*locality)
	}
	if i.Status != Passing {
		i.Reason = reasonOf(entry.Checks)
	}
	return i
}

// reasonOf returns what each failing check says, sorted. A check of
// maintenance says why in its notes.
func reasonOf(checks api.HealthChecks) string {
	var reasons []string
	for _, check := range checks {
		if check.Status != api.HealthPassing {
			said := strings.TrimSpace(cmp.Or(check.Output, check.Notes, check.Status))
			reasons = append(reasons, check.Name+": "+said)
		}
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}
