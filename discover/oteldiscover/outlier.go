package oteldiscover

import (
	"context"
	"sync"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// Outlier is [balance.Outlier], and tells who is put out. It remembers who is, so
// it is for one balancer, or connection: in a transport it goes into PolicyFor.
func (t *Telemetry) Outlier(cfg balance.OutlierConfig, policy balance.Policy) balance.Policy {
	return &outlier{telemetry: t, cfg: cfg, policy: policy}
}

// place tells the instances of a service apart.
type place struct{ datacenter, node, id, address string }

func placeOf(i discover.Instance) place { return place{i.Datacenter, i.Node, i.ID, i.HostPort()} }

// outlier is a policy that compares who goes into balance.Outlier with who comes
// out of it.
type outlier struct {
	telemetry *Telemetry
	cfg       balance.OutlierConfig
	policy    balance.Policy

	mu  sync.Mutex
	out map[place]bool // as of the latest plan
}

// Plan implements [balance.Policy].
func (o *outlier) Plan(candidates []balance.Candidate, now time.Time) balance.Plan {
	left := &seen{policy: o.policy}
	plan := balance.Outlier(o.cfg, left).Plan(candidates, now)
	in := make(map[place]bool, len(left.candidates))
	for _, c := range left.candidates {
		in[placeOf(c.Target.Instance)] = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.out
	o.out = make(map[place]bool)
	for _, c := range candidates {
		who := placeOf(c.Target.Instance)
		if in[who] {
			continue
		}
		o.out[who] = true
		if !before[who] { // a plan has no context
			o.telemetry.ejections.Add(context.Background(), 1, named(c.Target.Service))
		}
	}
	return plan
}

// seen is a policy that notes whom it may choose from.
type seen struct {
	policy     balance.Policy
	candidates []balance.Candidate
}

// Plan implements [balance.Policy].
func (s *seen) Plan(candidates []balance.Candidate, now time.Time) balance.Plan {
	s.candidates = candidates
	return s.policy.Plan(candidates, now)
}
