package mesh

import (
	"encoding/json"
	"fmt"

	"github.com/mitchellh/mapstructure"
)

// ProxyConfigEntry has what is the default for all proxies. Its name is
// [Global].
type ProxyConfigEntry struct {
	Kind                 string
	Name                 string
	Config               map[string]any
	Protocol             string                               `json:"-"` // the one in Config
	Mode                 ProxyMode                            `json:",omitempty"`
	TransparentProxy     TransparentProxyConfig               `alias:"transparent_proxy"`
	MutualTLSMode        MutualTLSMode                        `json:",omitempty" alias:"mutual_tls_mode"`
	MeshGateway          MeshGatewayConfig                    `alias:"mesh_gateway"`
	Expose               ExposeConfig                         ``
	AccessLogs           AccessLogsConfig                     `alias:"access_logs"`
	EnvoyExtensions      []EnvoyExtension                     `json:",omitempty" alias:"envoy_extensions"`
	FailoverPolicy       *ServiceResolverFailoverPolicy       `json:",omitempty" alias:"failover_policy"`
	PrioritizeByLocality *ServiceResolverPrioritizeByLocality `json:",omitempty" alias:"prioritize_by_locality"`

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

func (e *ProxyConfigEntry) ID() EntryID        { return EntryID{ProxyDefaults, e.Name} }
func (e *ProxyConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ProxyConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ProxyConfigEntry) normalize() error {
	e.Kind = ProxyDefaults
	if e.Name != "" && e.Name != Global {
		return faultf("invalid name (%q), only %q is supported", e.Name, Global)
	}
	e.Name = Global
	var config struct {
		Protocol string `mapstructure:"protocol"`
	}
	if err := mapstructure.WeakDecode(e.Config, &config); err != nil {
		return err
	}
	e.Protocol = config.Protocol
	return nil
}

func (e *ProxyConfigEntry) validate() error {
	if err := e.AccessLogs.validate(); err != nil {
		return err
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	if err := opaqueFault(e.Config); err != nil {
		return fmt.Errorf("Config: %w", err) //lint:ignore ST1005 clients see Consul's text
	}
	if _, err := Decode(e.Config, &UpstreamConfig{}); err != nil { // what is the default for calls is among them
		return fmt.Errorf("failed to parse upstream config map for proxy-defaults: %w", err)
	}
	if err := extensionFaults(e.EnvoyExtensions).err(); err != nil {
		return err
	}
	if err := e.FailoverPolicy.validate(); err != nil {
		return err
	}
	if err := e.PrioritizeByLocality.validate(); err != nil {
		return err
	}
	return e.MutualTLSMode.validate()
}

func (c AccessLogsConfig) validate() error {
	switch {
	case c.Type == "file" && c.Path == "":
		return fault("path must be specified when using file type access logs")
	case c.Type != "" && c.Type != "file" && c.Type != "stderr" && c.Type != "stdout":
		return faultf("invalid access log type: %s", c.Type)
	case c.JSONFormat != "" && c.TextFormat != "":
		return fault("cannot specify both access log JSONFormat and TextFormat")
	case c.Type != "file" && c.Path != "":
		return fault("path is only valid for file type access logs")
	case c.JSONFormat != "":
		if err := json.Unmarshal([]byte(c.JSONFormat), &json.RawMessage{}); err != nil {
			return fmt.Errorf("invalid access log json for JSON format: %w", err)
		}
	}
	return nil
}
