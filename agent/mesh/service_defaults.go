package mesh

import (
	"errors"
	"net"
	"strings"
	"time"
)

// ServiceConfigEntry has what is the default for the proxies of a service.
type ServiceConfigEntry struct {
	Kind                      string
	Name                      string
	Protocol                  string
	Mode                      ProxyMode              `json:",omitempty"`
	TransparentProxy          TransparentProxyConfig `alias:"transparent_proxy"`
	MutualTLSMode             MutualTLSMode          `json:",omitempty" alias:"mutual_tls_mode"`
	MeshGateway               MeshGatewayConfig      `alias:"mesh_gateway"`
	Expose                    ExposeConfig
	ExternalSNI               string                 `json:",omitempty" alias:"external_sni"`
	UpstreamConfig            *UpstreamConfiguration `json:",omitempty" alias:"upstream_config"`
	Destination               *DestinationConfig     `json:",omitempty"`
	MaxInboundConnections     int                    `json:",omitempty" alias:"max_inbound_connections"`
	LocalConnectTimeoutMs     int                    `json:",omitempty" alias:"local_connect_timeout_ms"`
	LocalRequestTimeoutMs     int                    `json:",omitempty" alias:"local_request_timeout_ms"`
	BalanceInboundConnections string                 `json:",omitempty" alias:"balance_inbound_connections"`
	RateLimits                *RateLimits            `json:",omitempty" alias:"rate_limits"`
	EnvoyExtensions           []EnvoyExtension       `json:",omitempty" alias:"envoy_extensions"`

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// UpstreamConfiguration says how a service calls others.
type UpstreamConfiguration struct {
	Overrides []*UpstreamConfig `json:",omitempty"` // for one other, by its name
	Defaults  *UpstreamConfig   `json:",omitempty"` // for all others
}

// UpstreamConfig says how a service calls another.
type UpstreamConfig struct {
	Name                       string `json:",omitempty"`
	EnterpriseMeta             `mapstructure:",squash"`
	Peer                       string
	EnvoyListenerJSON          string              `json:",omitempty" alias:"envoy_listener_json"`
	EnvoyClusterJSON           string              `json:",omitempty" alias:"envoy_cluster_json"`
	Protocol                   string              `json:",omitempty"`
	ConnectTimeoutMs           int                 `json:",omitempty" alias:"connect_timeout_ms"`
	Limits                     *UpstreamLimits     `json:",omitempty"`
	PassiveHealthCheck         *PassiveHealthCheck `json:",omitempty" alias:"passive_health_check"`
	MeshGateway                MeshGatewayConfig   `alias:"mesh_gateway"`
	BalanceOutboundConnections string              `json:",omitempty" alias:"balance_outbound_connections"`
}

// PassiveHealthCheck says when a proxy stops to call an instance that fails.
type PassiveHealthCheck struct {
	Interval                time.Duration  `json:",omitempty"`
	MaxFailures             uint32         `json:",omitempty" alias:"max_failures"`
	EnforcingConsecutive5xx *uint32        `json:",omitempty" alias:"enforcing_consecutive_5xx"` // percent
	MaxEjectionPercent      *uint32        `json:",omitempty" alias:"max_ejection_percent"`
	BaseEjectionTime        *time.Duration `json:",omitempty" alias:"base_ejection_time"`
}

// UpstreamLimits says how much a proxy asks of an upstream at once.
type UpstreamLimits struct {
	MaxConnections        *int `json:",omitempty" alias:"max_connections"`
	MaxPendingRequests    *int `json:",omitempty" alias:"max_pending_requests"`
	MaxConcurrentRequests *int `json:",omitempty" alias:"max_concurrent_requests"`
}

// DestinationConfig is where a service is that lies outside of the mesh.
type DestinationConfig struct {
	Addresses []string `json:",omitempty"`
	Port      int      `json:",omitempty"`
}

// RateLimits is taken apart and refused: Consul's enterprise edition has it.
type RateLimits struct {
	InstanceLevel InstanceLevelRateLimits `alias:"instance_level"`
}

// InstanceLevelRateLimits is a part of [RateLimits].
type InstanceLevelRateLimits struct {
	RequestsPerSecond int `alias:"requests_per_second"`
	RequestsMaxBurst  int `alias:"requests_max_burst"`
	Routes            []InstanceLevelRouteRateLimits
}

// InstanceLevelRouteRateLimits is a part of [RateLimits].
type InstanceLevelRouteRateLimits struct {
	PathExact         string `alias:"path_exact"`
	PathPrefix        string `alias:"path_prefix"`
	PathRegex         string `alias:"path_regex"`
	RequestsPerSecond int    `alias:"requests_per_second"`
	RequestsMaxBurst  int    `alias:"requests_max_burst"`
}

// MutualTLSMode says whether traffic is taken that is not the mesh's.
type MutualTLSMode string

// Permissive is the mode in which all traffic is taken.
const Permissive MutualTLSMode = "permissive"

func (m MutualTLSMode) validate() error {
	if m == "" || m == "strict" || m == Permissive {
		return nil
	}
	return faultf(`Invalid MutualTLSMode %q. Must be one of "", "strict", or "permissive".`, m)
}

func (e *ServiceConfigEntry) ID() EntryID        { return EntryID{ServiceDefaults, e.Name} }
func (e *ServiceConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ServiceConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ServiceConfigEntry) normalize() error {
	e.Kind, e.Protocol = ServiceDefaults, strings.ToLower(e.Protocol)
	if e.UpstreamConfig == nil {
		return nil
	}
	e.UpstreamConfig.Overrides = present(e.UpstreamConfig.Overrides)
	for _, override := range e.UpstreamConfig.Overrides {
		override.normalize()
	}
	if e.UpstreamConfig.Defaults != nil {
		e.UpstreamConfig.Defaults.normalize()
	}
	return nil
}

func (c *UpstreamConfig) normalize() {
	c.Protocol, c.ConnectTimeoutMs = strings.ToLower(c.Protocol), max(c.ConnectTimeoutMs, 0)
}

func (e *ServiceConfigEntry) validate() error {
	switch e.Name {
	case "":
		return errNoName
	case wildcard:
		return fault("service-defaults name must be the name of a service, and not a wildcard")
	}
	found := metaFaults(e.Meta)
	if !isBalance(e.BalanceInboundConnections) {
		found.addf("invalid value for balance_inbound_connections: %v", e.BalanceInboundConnections)
	}
	if e.UpstreamConfig != nil && e.Destination != nil {
		found.addf("UpstreamConfig and Destination are mutually exclusive for service defaults")
		return found
	}
	found = append(append(found, e.UpstreamConfig.faults()...), e.Destination.faults()...)
	if e.RateLimits != nil {
		found.addf("invalid rate_limits config. Rate limiting is a consul enterprise feature")
	}
	found = append(found, extensionFaults(e.EnvoyExtensions)...)
	if err := e.MutualTLSMode.validate(); err != nil {
		return err
	}
	return found.err()
}

func (c *UpstreamConfiguration) faults() (found faults) {
	if c == nil {
		return nil
	}
	for _, override := range c.Overrides {
		if err := override.fault(true); err != nil {
			found.addf("error in upstream override for %s:%s: %v", override.Name, override.Peer, err)
		}
	}
	if c.Defaults != nil {
		if err := c.Defaults.fault(false); err != nil {
			found.addf("error in upstream defaults: %v", err)
		}
	}
	return found
}

// fault returns what is wrong with the settings, which have a name or none.
func (c *UpstreamConfig) fault(named bool) error {
	switch {
	case named && c.Name == "":
		return errNoName
	case named && c.Name == wildcard:
		return fault("Wildcard name is not supported")
	case !named && c.Name != "":
		return fault("Name must be empty")
	}
	var found faults
	found.add(c.PassiveHealthCheck.fault())
	found.add(c.Limits.fault())
	if !isBalance(c.BalanceOutboundConnections) {
		found.addf("invalid value for balance_outbound_connections: %v", c.BalanceOutboundConnections)
	}
	return found.err()
}

func (c *PassiveHealthCheck) fault() error {
	over := func(percent *uint32) bool { return percent != nil && *percent > 100 }
	switch {
	case c == nil:
		return nil
	case c.Interval < 0:
		return errors.New("passive health check interval cannot be negative")
	case over(c.EnforcingConsecutive5xx):
		return errors.New("passive health check enforcing_consecutive_5xx must be a percentage between 0 and 100")
	case over(c.MaxEjectionPercent):
		return errors.New("passive health check max_ejection_percent must be a percentage between 0 and 100")
	case c.BaseEjectionTime != nil && *c.BaseEjectionTime < 0:
		return errors.New("passive health check base_ejection_time cannot be negative")
	default:
		return nil
	}
}

func (l *UpstreamLimits) fault() error {
	under := func(limit *int) bool { return limit != nil && *limit < 0 }
	switch {
	case l == nil:
		return nil
	case under(l.MaxConnections):
		return errors.New("max connections cannot be negative")
	case under(l.MaxPendingRequests):
		return errors.New("max pending requests cannot be negative")
	case under(l.MaxConcurrentRequests):
		return errors.New("max concurrent requests cannot be negative")
	default:
		return nil
	}
}

func (d *DestinationConfig) faults() (found faults) {
	if d == nil {
		return nil
	}
	if len(d.Addresses) == 0 {
		found.addf("Destination must contain at least one valid address")
	}
	seen := map[string]bool{}
	for _, address := range d.Addresses {
		switch {
		case seen[address]:
			found.addf("Duplicate address '%s' is not allowed", address)
		case net.ParseIP(address) == nil && !isDomain(address):
			found.addf("Destination address '%s' is invalid Could not validate address %s as an IP or Hostname", address, address)
		}
		seen[address] = true
	}
	if d.Port < 1 || d.Port > 65535 {
		found.addf("Invalid Port number %d", d.Port)
	}
	return found
}

// isDomain reports whether DNS could know a name (RFC 1035, section 2.3.4).
func isDomain(name string) bool {
	if len(name) > 254 || strings.Contains(name, "*") {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}

func isBalance(text string) bool { return text == "" || text == "exact_balance" }

// extensionFaults returns what is wrong with extensions. What they are given
// is for Envoy to judge.
func extensionFaults(extensions []EnvoyExtension) (found faults) {
	for n, extension := range extensions {
		switch extension.Name {
		case "":
			found.addf("invalid EnvoyExtensions[%d]: Name is required", n)
		case "builtin/otel-access-logging", "builtin/lua", "builtin/aws/lambda", "builtin/property-override", "builtin/wasm", "builtin/ext-authz":
		default:
			found.addf("invalid EnvoyExtensions[%d][%s]: name %q is not a built-in extension", n, extension.Name, extension.Name)
		}
	}
	return found
}
