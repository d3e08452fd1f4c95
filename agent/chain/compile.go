package chain

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mitchellh/hashstructure"

	"github.com/realjf/muster/agent/mesh"
)

// defaultTimeout is how long a proxy takes to connect, when nobody says more.
const defaultTimeout = 5 * time.Second

// Compile returns the chain of a service, or why there is none. Texts are
// Consul's.
func Compile(entries Entries, r Request) (*Chain, error) {
	c := &compiler{
		entries: entries, request: r, plain: r.OverrideProtocol != "" && !mesh.HTTPLike(r.OverrideProtocol),
		nodes: map[string]*Node{}, targets: map[string]*Target{}, used: map[string]bool{},
	}
	start, err := c.start()
	if err != nil {
		return nil, err
	}
	if err := c.findCircle(start.key(), nil, map[string]bool{}); err != nil {
		return nil, err
	}
	if err := c.flatten(); err != nil {
		return nil, err
	}
	c.prune(start.key())
	if c.advanced && !mesh.HTTPLike(c.protocol) {
		return nil, fmt.Errorf("discovery chain %q uses a protocol %q that does not permit advanced routing or splitting behavior", r.Service, c.protocol)
	}
	if override := r.OverrideProtocol; override != "" && override != c.protocol {
		c.protocol, c.customized.OverrideProtocol = override, override
	}
	made := &Chain{
		ServiceName: r.Service, Namespace: tenant, Partition: tenant, Datacenter: r.Datacenter, Protocol: c.protocol,
		Default: c.isDefault(start), StartNode: start.key(), Nodes: c.nodes, Targets: c.targets,
	}
	if made.CustomizationHash, err = c.customizationHash(); err != nil {
		return nil, err
	}
	if defaults := c.proxyDefaults(); defaults != nil {
		made.EnvoyExtensions = slices.Clone(defaults.EnvoyExtensions)
	}
	if defaults := c.serviceDefaults(r.Service); defaults != nil {
		made.ServiceMeta = defaults.Meta
		made.EnvoyExtensions = append(made.EnvoyExtensions, defaults.EnvoyExtensions...)
	}
	return made, nil
}

// compiler is one compilation under way.
type compiler struct {
	entries  Entries
	request  Request
	plain    bool // routers and splitters do not count, for the protocol has no requests
	advanced bool // a router or a splitter counts
	protocol string

	nodes   map[string]*Node   // by key
	targets map[string]*Target // by id
	used    map[string]bool    // the targets that stay, by id

	// The overrides that made a difference; the hash is over their names too.
	customized struct {
		OverrideMeshGateway    mesh.MeshGatewayConfig
		OverrideProtocol       string
		OverrideConnectTimeout time.Duration
	}
	notPlain bool // a router or a splitter was passed over
}

// entry returns an entry of a type, or nil.
func entry[E mesh.Entry](c *compiler, kind, name string) E {
	found, _ := c.entries.ConfigEntry(mesh.EntryID{Kind: kind, Name: name}).(E)
	return found
}

func (c *compiler) proxyDefaults() *mesh.ProxyConfigEntry {
	return entry[*mesh.ProxyConfigEntry](c, mesh.ProxyDefaults, mesh.Global)
}

func (c *compiler) serviceDefaults(name string) *mesh.ServiceConfigEntry {
	return entry[*mesh.ServiceConfigEntry](c, mesh.ServiceDefaults, name)
}

// start returns the node at which the chain begins: the service's router if it
// has one.
func (c *compiler) start() (*Node, error) {
	service := c.request.Service
	rules := entry[*mesh.ServiceRouterConfigEntry](c, mesh.ServiceRouter, service)
	if rules != nil && c.plain {
		rules, c.notPlain = nil, true
	}
	if rules == nil {
		return c.splitterOrResolver(place{Service: service})
	}
	node := &Node{Type: router, Name: named(rules.Name)}
	c.advanced = true
	if err := c.speak(rules.Name); err != nil {
		return nil, err
	}
	for n := range rules.Routes {
		route := rules.Routes[n]
		to := place{Service: service}
		if route.Destination != nil {
			to = place{Service: cmp.Or(route.Destination.Service, service), ServiceSubset: route.Destination.ServiceSubset}
		}
		if err := c.route(node, route, to); err != nil {
			return nil, err
		}
	}
	// What no rule matches goes on as if there was no router.
	rest := mesh.ServiceRoute{
		Match:       &mesh.ServiceRouteMatch{HTTP: &mesh.ServiceRouteHTTPMatch{PathPrefix: "/"}},
		Destination: &mesh.ServiceRouteDestination{Service: rules.Name, Namespace: tenant, Partition: tenant},
	}
	if err := c.route(node, rest, place{Service: rules.Name}); err != nil {
		return nil, err
	}
	c.nodes[node.key()] = node
	return node, nil
}

// route adds a rule to a router. One that names a subset passes over splitters.
func (c *compiler) route(node *Node, route mesh.ServiceRoute, to place) error {
	next, err := c.splitterOrResolver(to)
	if err != nil {
		return err
	}
	node.Routes = append(node.Routes, &Route{Definition: &route, NextNode: next.key()})
	return nil
}

// named is how nodes name a service.
func named(service string) string { return service + "." + tenant + "." + tenant }

// splitterOrResolver returns the node that requests to a place go to.
func (c *compiler) splitterOrResolver(to place) (*Node, error) {
	target := c.target(to)
	if to.ServiceSubset == "" {
		if node, err := c.splitter(to.Service); node != nil || err != nil {
			return node, err
		}
	}
	return c.resolver(target, false)
}

// splitter returns the node that spreads the requests to a service, or nil.
func (c *compiler) splitter(service string) (*Node, error) {
	node := &Node{Type: splitter, Name: named(service)}
	if made := c.nodes[node.key()]; made != nil {
		return made, nil
	}
	weights := entry[*mesh.ServiceSplitterConfigEntry](c, mesh.ServiceSplitter, service)
	if weights != nil && c.plain {
		weights, c.notPlain = nil, true
	}
	if weights == nil {
		return nil, nil
	}
	c.nodes[node.key()] = node // now, so that a circle ends here
	c.advanced = true
	for n := range weights.Splits {
		split := weights.Splits[n]
		next, err := c.split(service, split)
		if err != nil {
			return nil, err
		}
		node.Splits = append(node.Splits, &Split{Definition: &split, Weight: split.Weight, NextNode: next.key()})
		if node.LoadBalancer == nil && next.Type == resolver && next.LoadBalancer.IsHashBased() {
			node.LoadBalancer = next.LoadBalancer // one of them must do for all
		}
	}
	return node, nil
}

// split returns the node that a part of the requests to a service goes to.
// Another service may split them on.
func (c *compiler) split(service string, split mesh.ServiceSplit) (*Node, error) {
	to := place{Service: cmp.Or(split.Service, service), ServiceSubset: split.ServiceSubset}
	if to.Service == service {
		return c.resolver(c.target(to), false)
	}
	return c.splitterOrResolver(to)
}

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

// findCircle returns an error when a way through the graph comes back to where
// it was. It does not look again from where it found none.
func (c *compiler) findCircle(key string, way []string, none map[string]bool) error {
	if none[key] {
		return nil
	}
	been := slices.Contains(way, key)
	way = append(slices.Clip(way), key)
	if been {
		return fmt.Errorf("detected circular reference: [%s]", strings.Join(way, " -> "))
	}
	for _, next := range slices.Backward(c.nodes[key].next()) { // the last first, as in Consul
		if err := c.findCircle(next, way, none); err != nil {
			return err
		}
	}
	none[key] = true
	return nil
}

// maxParts bounds the parts of a splitter. No proxy could do with more, and
// splitters that lead to each other have as many as the product of theirs.
const maxParts = 10_000

// flatten puts the parts of a splitter in the place of each part of another
// one that leads to it.
func (c *compiler) flatten() error {
	for changed := true; changed; {
		changed = false
		for _, node := range c.nodes {
			var flat []*Split
			for _, outer := range node.Splits {
				next := c.nodes[outer.NextNode]
				if next.Type != splitter {
					flat = append(flat, outer)
					continue
				}
				changed = true
				for _, inner := range next.Splits {
					flat = append(flat, &Split{
						Definition: within(outer.Definition, inner.Definition),
						Weight:     mesh.RoundWeight(outer.Weight * inner.Weight / 100),
						NextNode:   inner.NextNode,
					})
				}
				if len(flat) > maxParts {
					return fmt.Errorf("discovery chain %q splits requests into more than %d parts", c.request.Service, maxParts)
				}
			}
			node.Splits = flat
		}
	}
	return nil
}

// within returns a part of a splitter that is reached by way of another one's:
// requests pass the outer first, answers the inner.
func within(outer, inner *mesh.ServiceSplit) *mesh.ServiceSplit {
	merged := *inner
	merged.RequestHeaders = modified(outer.RequestHeaders, inner.RequestHeaders)
	merged.ResponseHeaders = modified(inner.ResponseHeaders, outer.ResponseHeaders)
	return &merged
}

// modified returns what two modifiers do, one after the other.
func modified(first, then *mesh.HTTPHeaderModifiers) *mesh.HTTPHeaderModifiers {
	switch {
	case first == nil:
		return then
	case then == nil:
		return first
	}
	both := &mesh.HTTPHeaderModifiers{Add: merged(first.Add, then.Add), Set: merged(first.Set, then.Set), Remove: slices.Clone(first.Remove)}
	for _, name := range then.Remove {
		if !slices.Contains(both.Remove, name) {
			both.Remove = append(both.Remove, name)
		}
	}
	return both
}

func merged(a, b map[string]string) map[string]string {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := map[string]string{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// prune forgets nodes and targets to which nothing leads.
func (c *compiler) prune(start string) {
	reached := map[string]bool{}
	var reach func(string)
	reach = func(key string) {
		if !reached[key] {
			reached[key] = true
			for _, next := range c.nodes[key].next() {
				reach(next)
			}
		}
	}
	reach(start)
	maps.DeleteFunc(c.nodes, func(key string, _ *Node) bool { return !reached[key] })
	maps.DeleteFunc(c.targets, func(id string, _ *Target) bool { return !c.used[id] })
}

// isDefault reports whether the chain is what all services have that nothing is
// configured of.
func (c *compiler) isDefault(start *Node) bool {
	return start.Type == resolver && start.Resolver.Default && c.targets[start.Resolver.Target].Service == c.request.Service
}

// customizationHash tells chains apart whose overrides differ in effect; empty
// where none had any.
func (c *compiler) customizationHash() (string, error) {
	if c.notPlain {
		c.customized.OverrideProtocol = c.request.OverrideProtocol
	}
	if reflect.ValueOf(c.customized).IsZero() {
		return "", nil
	}
	sum, err := hashstructure.Hash(c.customized, nil)
	text := fmt.Sprintf("%x", sum)
	return text[:min(8, len(text))], err
}
