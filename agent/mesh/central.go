package mesh

import (
	"maps"
	"reflect"
)

// Entries is what is configured of proxies. Names compare without regard to
// case.
type Entries interface {
	// ConfigEntry returns an entry, or nil.
	ConfigEntry(id EntryID) Entry
}

// Configured returns how the proxy of an instance of a service is set up once
// config entries have said what its registration does not: those of the
// service that a sidecar stands before, those of a gateway itself, and the
// defaults for all. What the registration says goes first. The result shares
// what it has of p and of the entries, and is p where nothing is to be said.
// https://developer.hashicorp.com/consul/docs/connect/config-entries/service-defaults
func (p *Proxy) Configured(kind Kind, service string, entries Entries) *Proxy {
	switch {
	case kind == ConnectProxy:
		service = p.DestinationServiceName
	case !kind.IsGateway():
		return p
	}
	global, _ := entries.ConfigEntry(EntryID{ProxyDefaults, Global}).(*ProxyConfigEntry)
	own, _ := entries.ConfigEntry(EntryID{ServiceDefaults, service}).(*ServiceConfigEntry)
	if global == nil {
		global = &ProxyConfigEntry{}
	}
	if own == nil {
		own = &ServiceConfigEntry{}
	}
	defaults := central(global, own)
	made := *p
	made.Config = filled(p.Config, defaults.Config)
	made.EnvoyExtensions = defaults.EnvoyExtensions
	orElse(&made.Mode, defaults.Mode)
	orElse(&made.MeshGateway, defaults.MeshGateway)
	orElse(&made.TransparentProxy.OutboundListenerPort, defaults.TransparentProxy.OutboundListenerPort)
	orElse(&made.TransparentProxy.DialedDirectly, defaults.TransparentProxy.DialedDirectly)
	orElse(&made.Expose.Checks, defaults.Expose.Checks)
	if len(made.Expose.Paths) == 0 {
		made.Expose.Paths = defaults.Expose.Paths
	}
	made.AccessLogs.fill(defaults.AccessLogs)
	calls := callRules{entries: entries, global: global, own: own, gateway: defaults.MeshGateway, proxy: p}
	made.Upstreams = calls.apply(made.Mode)
	if made.Equal(p) {
		return p
	}
	return &made
}

// central returns what the defaults for all proxies and those of one service
// say together: where both do, the service's count.
func central(global *ProxyConfigEntry, own *ServiceConfigEntry) Proxy {
	both := Proxy{
		Mode: own.Mode, MeshGateway: own.MeshGateway, TransparentProxy: own.TransparentProxy,
		Expose: own.Expose, AccessLogs: global.AccessLogs,
	}
	orElse(&both.Mode, global.Mode)
	orElse(&both.MeshGateway, global.MeshGateway)
	orElse(&both.TransparentProxy.OutboundListenerPort, global.TransparentProxy.OutboundListenerPort)
	orElse(&both.TransparentProxy.DialedDirectly, global.TransparentProxy.DialedDirectly)
	orElse(&both.Expose.Checks, global.Expose.Checks)
	if len(both.Expose.Paths) == 0 {
		both.Expose.Paths = global.Expose.Paths
	}
	for _, list := range [][]EnvoyExtension{global.EnvoyExtensions, own.EnvoyExtensions} {
		for _, extension := range list { // of whose versions a proxy is not told
			both.EnvoyExtensions = append(both.EnvoyExtensions,
				EnvoyExtension{Name: extension.Name, Required: extension.Required, Arguments: extension.Arguments})
		}
	}
	both.Config = map[string]any{}
	maps.Copy(both.Config, global.Config)
	setTo(both.Config, "protocol", own.Protocol)
	setTo(both.Config, "balance_inbound_connections", own.BalanceInboundConnections)
	setTo(both.Config, "max_inbound_connections", max(own.MaxInboundConnections, 0))
	setTo(both.Config, "local_connect_timeout_ms", max(own.LocalConnectTimeoutMs, 0))
	setTo(both.Config, "local_request_timeout_ms", max(own.LocalRequestTimeoutMs, 0))
	return both
}

func (c *AccessLogsConfig) fill(defaults AccessLogsConfig) {
	orElse(&c.Enabled, defaults.Enabled)
	orElse(&c.DisableListenerLogs, defaults.DisableListenerLogs)
	orElse(&c.Type, defaults.Type)
	orElse(&c.Path, defaults.Path)
	orElse(&c.JSONFormat, defaults.JSONFormat)
	orElse(&c.TextFormat, defaults.TextFormat)
}

// setTo sets a setting to a value that says something.
func setTo[T comparable](config map[string]any, name string, value T) {
	var nothing T
	if value != nothing {
		config[name] = value
	}
}

// filled returns config with what defaults have where it says nothing, however
// deep. Both stay as they are.
func filled(config, defaults map[string]any) map[string]any {
	if len(defaults) == 0 {
		return config
	}
	full := make(map[string]any, len(config)+len(defaults))
	maps.Copy(full, config)
	for name, value := range defaults {
		there, thereIsObject := full[name].(map[string]any)
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
		case saysNothing(full[name]):
			full[name] = value
		case thereIsObject && isObject:
			full[name] = filled(there, inner)
		}
	}
	return full
}

func saysNothing(value any) bool {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}
