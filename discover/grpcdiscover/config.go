package grpcdiscover

import (
	"cmp"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc/serviceconfig"

	"github.com/realjf/muster/discover/balance"
)

// balancing is the balancer's part of a service config.
type balancing struct {
	serviceconfig.LoadBalancingConfig `json:"-"`

	Policy            string `json:"policy,omitempty"`
	Zone              string `json:"zone,omitempty"`
	RequestHashHeader string `json:"requestHashHeader,omitempty"`
}

// parseBalancing reads the balancer's part of a service config. gRPC asks to
// pass over fields that are not known.
func parseBalancing(text json.RawMessage) (*balancing, error) {
	var b balancing
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("config of balancer %q: %w", Balancer, err)
	}
	if b.Policy != "" {
		if _, err := balance.Named(b.Policy); err != nil {
			return nil, fmt.Errorf("config of balancer %q: %w", Balancer, err)
		}
	}
	return &b, nil
}

// policy returns the policy that b names, or else the one of cfg.
func (b *balancing) policy(cfg *Config) balance.Policy {
	policy := cfg.Policy
	usual := policy == nil || b.Policy != ""
	if usual {
		policy, _ = balance.Named(cmp.Or(b.Policy, "least_request")) // parsed already
	}
	if b.Zone != "" {
		policy = balance.Zone(b.Zone, policy)
	}
	if usual {
		policy = balance.Outlier(balance.OutlierConfig{}, policy)
	}
	return policy
}

// serviceConfig returns the service config that the resolver of t tells, which
// is cfg's with what t says of the balancer; "" if neither says anything.
func (c *Config) serviceConfig(t target) (string, error) {
	names := t.policy != "" || t.zone != ""
	if c.ServiceConfig == "" && !names {
		return "", nil
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(cmp.Or(c.ServiceConfig, "{}")), &all); err != nil {
		return "", fmt.Errorf("service config: %w", err)
	}
	if all["loadBalancingConfig"] != nil || all["loadBalancingPolicy"] != nil {
		if !names {
			return c.ServiceConfig, nil
		}
	}
	ours, err := configured(all["loadBalancingConfig"])
	if err != nil {
		return "", err
	}
	ours.Policy = cmp.Or(t.policy, ours.Policy)
	ours.Zone = cmp.Or(t.zone, ours.Zone)
	all["loadBalancingConfig"], err = json.Marshal([]map[string]*balancing{{Balancer: ours}})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(all)
	return string(text), err
}

// configured returns what a list of balancers says of this package's.
func configured(list json.RawMessage) (*balancing, error) {
	if list == nil {
		return &balancing{}, nil
	}
	var all []map[string]json.RawMessage
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, fmt.Errorf("service config: loadBalancingConfig: %w", err)
	}
	for _, one := range all {
		if text, ok := one[Balancer]; ok {
			return parseBalancing(text)
		}
	}
	return &balancing{}, nil
}
