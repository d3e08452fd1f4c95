package chain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realjf/muster/agent/mesh"
)

// target returns the target at a place.
func (c *compiler) target(at place) *Target {
	at.Namespace, at.Partition = tenant, tenant
	if at.Peer != "" {
		at.Datacenter = ""
	} else {
		at.Datacenter = cmp.Or(at.Datacenter, c.request.Datacenter)
	}
	if made := c.targets[at.id()]; made != nil {
		return made
	}
	made := &Target{ID: at.id(), place: at}
	if at.Peer == "" {
		made.SNI = at.sni(c.request.TrustDomain)
		made.Name = made.SNI
	}
	c.targets[made.ID] = made
	return made
}

// instead returns the target that takes the place of another: what it says
// nothing of stays. The subset is of the service, and goes with it.
func (c *compiler) instead(of *Target, to place) *Target {
	next := of.place
	if to.Service != "" && to.Service != next.Service {
		next.Service, next.ServiceSubset = to.Service, ""
	}
	next.ServiceSubset = cmp.Or(to.ServiceSubset, next.ServiceSubset)
	next.Datacenter = cmp.Or(to.Datacenter, next.Datacenter)
	next.Peer = to.Peer
	return c.target(next)
}

// speak notes the protocol of a service: a chain has one.
func (c *compiler) speak(service string) error {
	protocol := ""
	if defaults := c.serviceDefaults(service); defaults != nil {
		protocol = defaults.Protocol
	} else if defaults := c.proxyDefaults(); defaults != nil {
		protocol = defaults.Protocol
	}
	protocol = strings.ToLower(cmp.Or(protocol, "tcp"))
	if c.protocol = cmp.Or(c.protocol, protocol); c.protocol != protocol {
		return fmt.Errorf("discovery chain %q uses inconsistent protocols; service %q has %q which is not %q",
			c.request.Service, service, protocol, c.protocol)
	}
	return nil
}

// rules returns what is configured of a service's resolver; never nil.
func (c *compiler) rules(service string) *mesh.ServiceResolverConfigEntry {
	if rules := entry[*mesh.ServiceResolverConfigEntry](c, mesh.ServiceResolver, service); rules != nil {
		return rules
	}
	return &mesh.ServiceResolverConfigEntry{Kind: mesh.ServiceResolver, Name: service}
}

// resolver returns the node that chooses a target: the one asked for, or the
// one that is configured to take its place. As a target of a failover it is
// left alone, for failovers do not fail over.
func (c *compiler) resolver(target *Target, failover bool) (*Node, error) {
	target, rules, made, err := c.redirected(target)
	if made != nil || err != nil {
		return made, err
	}
	node := &Node{Type: resolver, Name: target.ID, LoadBalancer: rules.LoadBalancer, Resolver: &Resolver{
		Default: rules.IsDefault(), Target: target.ID, ConnectTimeout: mesh.Duration(c.timeout(rules)),
		RequestTimeout: time.Duration(rules.RequestTimeout),
	}}
	target.ConnectTimeout = node.Resolver.ConnectTimeout
	target.Subset = rules.Subsets[target.ServiceSubset]
	if err := c.outside(target, rules); err != nil {
		return nil, err
	}
	c.gateway(target)
	c.used[target.ID] = true
	if failover {
		return node, nil
	}
	c.nodes[node.key()] = node // now, so that a circle ends here
	return node, c.failover(node, target, rules)
}

// redirected follows redirects and default subsets from a target to the one
// that takes its place. It returns the node instead where there is one already.
func (c *compiler) redirected(target *Target) (*Target, *mesh.ServiceResolverConfigEntry, *Node, error) {
	var way []string
	for {
		if made := c.nodes[resolver+":"+target.ID]; made != nil {
			return nil, nil, made, nil
		}
		if target.Peer == "" {
			if err := c.speak(target.Service); err != nil {
				return nil, nil, nil, err
			}
		}
		been := slices.Contains(way, target.ID)
		way = append(way, target.ID)
		if been {
			return nil, nil, nil, fmt.Errorf("detected circular resolver redirect: [%s]", strings.Join(way, " -> "))
		}
		rules := c.rules(target.Service)
		next := target
		if to := rules.Redirect; to != nil {
			next = c.instead(target, place{Service: to.Service, ServiceSubset: to.ServiceSubset, Datacenter: to.Datacenter, Peer: to.Peer})
		}
		if next == target && target.ServiceSubset == "" && rules.DefaultSubset != "" {
			next = c.instead(target, place{ServiceSubset: rules.DefaultSubset})
		}
		if next != target {
			target = next
			continue
		}
		if !rules.HasSubset(target.ServiceSubset) {
			return nil, nil, nil, fmt.Errorf("service %q does not have a subset named %q", target.Service, target.ServiceSubset)
		}
		return target, rules, nil, nil
	}
}

// timeout returns how long a proxy takes to connect.
func (c *compiler) timeout(rules *mesh.ServiceResolverConfigEntry) time.Duration {
	timeout := time.Duration(rules.ConnectTimeout)
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	if override := c.request.OverrideConnectTimeout; override > 0 && override != timeout {
		timeout, c.customized.OverrideConnectTimeout = override, override
	}
	return timeout
}

// outside notes that a target lies outside of the mesh, where less is possible.
func (c *compiler) outside(target *Target, rules *mesh.ServiceResolverConfigEntry) error {
	defaults := c.serviceDefaults(target.Service)
	if defaults == nil || defaults.ExternalSNI == "" {
		return nil
	}
	target.SNI, target.External = defaults.ExternalSNI, true
	cannot := func(what string) error {
		return fmt.Errorf("service %q has an external SNI set; cannot define %s for external services", target.Service, what)
	}
	switch {
	case rules.Redirect != nil:
		return cannot("redirects")
	case len(rules.Subsets) > 0:
		return cannot("subsets")
	case len(rules.Failover) > 0:
		return cannot("failover")
	default:
		return nil
	}
}

// gateway notes how a target in the mesh is reached.
func (c *compiler) gateway(target *Target) {
	if target.External {
		return
	}
	if defaults := c.serviceDefaults(target.Service); defaults != nil {
		target.MeshGateway, target.TransparentProxy.DialedDirectly = defaults.MeshGateway, defaults.TransparentProxy.DialedDirectly
	}
	if defaults := c.proxyDefaults(); defaults != nil {
		target.MeshGateway.Mode = cmp.Or(target.MeshGateway.Mode, defaults.MeshGateway.Mode)
		target.TransparentProxy.DialedDirectly = target.TransparentProxy.DialedDirectly || defaults.TransparentProxy.DialedDirectly
	}
	if override := c.request.OverrideMeshGateway; override.Mode != "" && override != target.MeshGateway {
		target.MeshGateway, c.customized.OverrideMeshGateway = override, override
	}
}

// failover notes who takes the place of a target that fails.
func (c *compiler) failover(node *Node, target *Target, rules *mesh.ServiceResolverConfigEntry) error {
	chosen, applies := rules.Failover[target.ServiceSubset]
	if !applies {
		if chosen, applies = rules.Failover["*"]; !applies {
			return nil
		}
	}
	found := &Failover{Policy: chosen.Policy}
	if defaults := c.proxyDefaults(); found.Policy == nil && defaults != nil {
		found.Policy = defaults.FailoverPolicy
	}
	for _, to := range failoverPlaces(chosen) {
		next := c.instead(target, to)
		if next == target {
			continue // it would fail again
		}
		resolved, err := c.resolver(next, true)
		if err != nil {
			return err
		}
		found.Targets = append(found.Targets, resolved.Resolver.Target)
	}
	if len(found.Targets) > 0 {
		node.Resolver.Failover = found
	}
	return nil
}

// failoverPlaces lists where a failover leads, in order.
func failoverPlaces(f mesh.ServiceResolverFailover) (places []place) {
	for _, datacenter := range f.Datacenters {
		places = append(places, place{Service: f.Service, ServiceSubset: f.ServiceSubset, Datacenter: datacenter})
	}
	for _, t := range f.Targets {
		places = append(places, place{Service: t.Service, ServiceSubset: t.ServiceSubset, Datacenter: t.Datacenter, Peer: t.Peer})
	}
	if len(places) == 0 {
		places = []place{{Service: f.Service, ServiceSubset: f.ServiceSubset}}
	}
	return places
}
