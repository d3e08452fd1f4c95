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
}

// Consul is a registry that speaks Consul's HTTP API: a Consul agent or
// muster's own. It is a [Source] and a [Registry], and safe for concurrent
// use.
type Consul struct {
	client *api.Client
	wait   time.Duration
}

var (
	_ Source   = (*Consul)(nil)
	_ Registry = (*Consul)(nil)
)

// NewConsul returns the registry that client speaks to, with its address,
// token, datacenter and TLS.
func NewConsul(client *api.Client, cfg ConsulConfig) *Consul {
	c := &Consul{client: client, wait: time.Minute}
	if cfg.Wait > 0 {
		c.wait = cfg.Wait
	}
	return c
}

// Next answers q from the registry's health endpoint, as [Source] says. It
// asks for all instances and not only for the passing ones, so that a caller
// can be told why the others are out.
func (c *Consul) Next(ctx context.Context, q Query, after uint64) (Snapshot, error) {
	if err := q.Validate(); err != nil {
		return Snapshot{}, err
	}
	var s Snapshot
	err := c.ask(ctx, after > 0, func(options *api.QueryOptions) error {
		options.WaitIndex = after
		// An answer without a known leader is an answer: the servers that
		// gave it know the instances, and KnownLeader is not looked at.
		entries, meta, err := c.client.Health().Service(q.Service, "", false, options)
		if err != nil {
			return err
		}
		s, err = snapshotOf(entries)
		s.Index, s.Confirmed = max(meta.LastIndex, 1), time.Now()
		return err
	})
	if err != nil {
		return Snapshot{}, fmt.Errorf("health of service %q: %w", q.Service, err)
	}
	return s, nil
}

// IsMuster reports whether the registry is muster's agent rather than a
// Consul. It blocks for one request.
func (c *Consul) IsMuster(ctx context.Context) (bool, error) {
	var self map[string]any
	err := c.ask(ctx, false, func(options *api.QueryOptions) error {
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

// ask makes one request within the time that it may take: a connection that
// broke without a word must not hang a loop for ever.
func (c *Consul) ask(ctx context.Context, blocking bool, request func(*api.QueryOptions) error) error {
	options, limit := &api.QueryOptions{}, patience
	if blocking {
		options.WaitTime = c.wait
		limit += c.wait + c.wait/16 // Consul adds up to a sixteenth
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := request(options.WithContext(bounded))
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
func snapshotOf(entries []*api.ServiceEntry) (Snapshot, error) {
	if entries == nil {
		return Snapshot{}, errors.New("the answer is not a list")
	}
	var s Snapshot
	for _, entry := range entries {
		if entry == nil || entry.Node == nil || entry.Service == nil || slices.Contains(entry.Checks, nil) {
			return Snapshot{}, errors.New("the answer holds an entry without a node, a service or a check")
		}
		s.add(instanceOf(entry))
	}
	s.sort()
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
