package mesh

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// callRules are the rules that config entries give a proxy for calling other
// services.
type callRules struct {
	entries Entries
	global  *ProxyConfigEntry
	own     *ServiceConfigEntry
	gateway MeshGatewayConfig // of both
	proxy   *Proxy            // as it was registered
}

// callee is who is called: a service, perhaps one of a peer; [wildcard] for all
// others.
type callee struct{ name, peer string }

// callee returns whom the upstream leads to; false when that is no service.
func (u *Upstream) callee() (callee, bool) {
	isService := u.DestinationType == "" || u.DestinationType == "service"
	return callee{u.DestinationName, u.DestinationPeer}, isService
}

// apply returns the upstreams of the proxy with what the rules say of them. A
// transparent proxy gets those that it does not name.
func (r callRules) apply(mode ProxyMode) []Upstream {
	named := map[callee]bool{}
	for _, upstream := range r.proxy.Upstreams {
		if to, isService := upstream.callee(); isService {
			named[to] = true
		}
	}
	if len(named) == 0 && mode != Transparent {
		return r.proxy.Upstreams
	}
	rules := r.rules(named)
	upstreams := slices.Clone(r.proxy.Upstreams)
	for n := range upstreams {
		if to, isService := upstreams[n].callee(); isService && len(rules[to].Config) > 0 {
			upstreams[n].follow(rules[to])
		}
	}
	if mode != Transparent {
		return upstreams
	}
	byName := func(a, b callee) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.peer, b.peer)) }
	for _, to := range slices.SortedFunc(maps.Keys(rules), byName) {
		if !named[to] {
			upstreams = append(upstreams, rules[to])
		}
	}
	return upstreams
}

// follow fills in what a rule for its callee says.
func (u *Upstream) follow(rule Upstream) {
	orElse(&u.MeshGateway, rule.MeshGateway)
	protocol, has := u.Config["protocol"]
	u.Config = filled(u.Config, rule.Config)
	if u.DestinationPeer != "" { // which knows its protocol better
		delete(u.Config, "protocol")
		if has {
			u.Config["protocol"] = protocol
		}
	}
	delete(u.Config, gatewayKey) // it stands in a field of its own
}

// gatewayKey is the name of the mesh gateway among other settings.
const gatewayKey = "mesh_gateway"

// rules returns, as upstreams, how those that are named are called, those that
// have rules of their own, and, where anything is said of them, all others.
func (r callRules) rules(named map[callee]bool) map[callee]Upstream {
	var defaults *UpstreamConfig
	overrides := map[callee]*UpstreamConfig{}
	if configured := r.own.UpstreamConfig; configured != nil {
		for _, override := range configured.Overrides {
			overrides[callee{override.Name, override.Peer}] = override
		}
		if configured.Defaults != nil {
			own := *configured.Defaults
			orElse(&own.MeshGateway, r.gateway)
			defaults = &own
		}
	}
	all := map[string]any{}
	setTo(all, gatewayKey, r.global.Config[gatewayKey])
	setTo(all, gatewayKey, r.global.MeshGateway)
	setTo(all, gatewayKey, r.own.MeshGateway)
	defaults.into(all)
	setTo(all, gatewayKey, r.proxy.MeshGateway)

	found := map[callee]map[string]any{}
	if len(all) > 0 || defaults != nil {
		found[callee{name: wildcard}] = all
	}
	one := func(to callee) {
		config := map[string]any{}
		setTo(config, "protocol", strings.ToLower(r.global.Protocol))
		maps.Copy(config, all)
		theirs, _ := r.entries.ConfigEntry(EntryID{ServiceDefaults, to.name}).(*ServiceConfigEntry)
		if theirs != nil && to.peer == "" {
			setTo(config, "protocol", theirs.Protocol)
		}
		setTo(config, gatewayKey, r.gateway)
		defaults.into(config)
		setTo(config, gatewayKey, r.proxy.MeshGateway)
		overrides[to].into(config)
		if len(config) > 0 {
			found[to] = config
		}
	}
	for to := range named {
		one(to)
	}
	for to := range overrides {
		one(to)
	}

	rules := map[callee]Upstream{}
	for to, config := range found {
		var read UpstreamConfig
		_, _ = Decode(map[string]any{gatewayKey: config[gatewayKey]}, &read) // it can be read: see ProxyConfigEntry
		rules[to] = Upstream{
			DestinationNamespace: "default", DestinationPartition: "default", DestinationName: to.name, DestinationPeer: to.peer,
			Config: config, MeshGateway: read.MeshGateway, CentrallyConfigured: true,
		}
	}
	return rules
}

// into writes what the settings, nil for none, say among others.
func (c *UpstreamConfig) into(config map[string]any) {
	if c == nil {
		return
	}
	setTo(config, "envoy_listener_json", c.EnvoyListenerJSON)
	setTo(config, "envoy_cluster_json", c.EnvoyClusterJSON)
	setTo(config, "protocol", c.Protocol)
	setTo(config, "connect_timeout_ms", c.ConnectTimeoutMs)
	setTo(config, gatewayKey, c.MeshGateway)
	if c.Limits != nil {
		config["limits"] = c.Limits
	}
	if c.PassiveHealthCheck != nil {
		config["passive_health_check"] = c.PassiveHealthCheck
	}
	setTo(config, "balance_outbound_connections", c.BalanceOutboundConnections)
}
