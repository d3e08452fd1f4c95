package chain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

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
