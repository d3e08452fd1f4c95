package mesh

import (
	"bytes"
	"encoding/json"
	"net"
	"reflect"
	"strconv"
)

// Proxy is how a proxy, or a gateway, is set up. In the catalog every service
// has one, which says nothing for most. The order of the fields is that of
// Consul's JSON.
type Proxy struct {
	TransparentProxy       TransparentProxyConfig `json:",omitzero"`
	AccessLogs             AccessLogsConfig       `json:",omitzero"`
	EnvoyExtensions        []EnvoyExtension       `json:",omitempty"`
	DestinationServiceName string                 `json:",omitempty"` // whom it stands before
	DestinationServiceID   string                 `json:",omitempty"` // and which instance of it
	LocalServiceAddress    string                 `json:",omitempty"`
	LocalServicePort       int                    `json:",omitempty"`
	LocalServiceSocketPath string                 `json:",omitempty"`
	Mode                   ProxyMode
	Config                 map[string]any `json:",omitempty" bexpr:"-"` // means something to the proxy alone
	Upstreams              []Upstream     `json:",omitempty"`
	MeshGateway            MeshGatewayConfig
	Expose                 ExposeConfig
}

// Plain is how the proxy is set up of a service that is none. All such services
// share it.
var Plain = &Proxy{}

// Equal reports whether p and q say the same.
func (p *Proxy) Equal(q *Proxy) bool { return p == q || reflect.DeepEqual(p, q) }

// ProxyMode is how traffic comes to a proxy.
type ProxyMode string

// Transparent is the mode in which a proxy gets traffic that was not meant for it.
const Transparent ProxyMode = "transparent"

// MeshGatewayConfig says whether traffic goes through a mesh gateway.
type MeshGatewayConfig struct {
	Mode string `json:",omitempty"` // none, local, remote; empty where others decide
}

// TransparentProxyConfig is for a proxy in the mode [Transparent].
type TransparentProxyConfig struct {
	OutboundListenerPort int  `json:",omitempty" alias:"outbound_listener_port"`
	DialedDirectly       bool `json:",omitempty" alias:"dialed_directly"`
}

// AccessLogsConfig says what a proxy logs, and where.
type AccessLogsConfig struct {
	Enabled             bool   `json:",omitempty"`
	DisableListenerLogs bool   `json:",omitempty" alias:"disable_listener_logs"`
	Type                string `json:",omitempty"` // file, stderr, stdout
	Path                string `json:",omitempty"` // of the file
	JSONFormat          string `json:",omitempty" alias:"json_format"`
	TextFormat          string `json:",omitempty" alias:"text_format"`
}

// EnvoyExtension changes what a proxy would be told. Nobody here looks into it.
type EnvoyExtension struct {
	Name          string
	Required      bool
	Arguments     map[string]any `bexpr:"-"`
	ConsulVersion string
	EnvoyVersion  string
}

// ExposeConfig says which paths of a service a proxy lets through to everybody.
type ExposeConfig struct {
	Checks bool         `json:",omitempty"` // the paths of its checks
	Paths  []ExposePath `json:",omitempty"`
}

// ExposePath is one such path.
type ExposePath struct {
	ListenerPort    int    `json:",omitempty" alias:"listener_port"` // of the proxy
	Path            string `json:",omitempty"`
	LocalPathPort   int    `json:",omitempty" alias:"local_path_port"` // of the service
	Protocol        string `json:",omitempty"`                         // http or http2
	ParsedFromCheck bool   `json:",omitempty" alias:"parsed_from_check"`
}

// Upstream is a service that another one calls through its proxy.
type Upstream struct {
	DestinationType      string // service or prepared_query
	DestinationNamespace string `json:",omitempty"`
	DestinationPartition string `json:",omitempty"`
	DestinationPeer      string `json:",omitempty"`
	DestinationName      string
	Datacenter           string
	LocalBindAddress     string         `json:",omitempty"` // where the proxy listens for it
	LocalBindPort        int            `json:",omitempty"`
	LocalBindSocketPath  string         `json:",omitempty"`
	LocalBindSocketMode  string         `json:",omitempty"`
	Config               map[string]any `json:",omitempty" bexpr:"-"`
	MeshGateway          MeshGatewayConfig
	CentrallyConfigured  bool `json:",omitempty" bexpr:"-"`
}

// strictly decodes JSON that may hold no field that target does not have.
func strictly(data []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(target)
}

// orElse sets a field that a body did not name to what its other spelling says.
func orElse[T comparable](field *T, other T) {
	var zero T
	if *field == zero {
		*field = other
	}
}

// UnmarshalJSON implements json.Unmarshaler. Like Consul's it takes both
// spellings of a name, and no name that it does not know.
func (p *Proxy) UnmarshalJSON(data []byte) error {
	type Alias Proxy
	both := struct {
		DestinationServiceNameSnake string                 `json:"destination_service_name"`
		DestinationServiceIDSnake   string                 `json:"destination_service_id"`
		LocalServiceAddressSnake    string                 `json:"local_service_address"`
		LocalServicePortSnake       int                    `json:"local_service_port"`
		LocalServiceSocketPathSnake string                 `json:"local_service_socket_path"`
		MeshGatewaySnake            MeshGatewayConfig      `json:"mesh_gateway"`
		TransparentProxySnake       TransparentProxyConfig `json:"transparent_proxy"`
		AccessLogsSnake             AccessLogsConfig       `json:"access_logs"`
		*Alias
	}{Alias: (*Alias)(p)}
	if err := strictly(data, &both); err != nil {
		return err
	}
	orElse(&p.DestinationServiceName, both.DestinationServiceNameSnake)
	orElse(&p.DestinationServiceID, both.DestinationServiceIDSnake)
	orElse(&p.LocalServiceAddress, both.LocalServiceAddressSnake)
	orElse(&p.LocalServicePort, both.LocalServicePortSnake)
	orElse(&p.LocalServiceSocketPath, both.LocalServiceSocketPathSnake)
	orElse(&p.MeshGateway, both.MeshGatewaySnake)
	orElse(&p.TransparentProxy, both.TransparentProxySnake)
	orElse(&p.AccessLogs, both.AccessLogsSnake)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler, see [Proxy.UnmarshalJSON].
func (u *Upstream) UnmarshalJSON(data []byte) error {
	type Alias Upstream
	both := struct {
		DestinationTypeSnake      string            `json:"destination_type"`
		DestinationPartitionSnake string            `json:"destination_partition"`
		DestinationNamespaceSnake string            `json:"destination_namespace"`
		DestinationPeerSnake      string            `json:"destination_peer"`
		DestinationNameSnake      string            `json:"destination_name"`
		LocalBindAddressSnake     string            `json:"local_bind_address"`
		LocalBindPortSnake        int               `json:"local_bind_port"`
		LocalBindSocketPathSnake  string            `json:"local_bind_socket_path"`
		LocalBindSocketModeSnake  string            `json:"local_bind_socket_mode"`
		MeshGatewaySnake          MeshGatewayConfig `json:"mesh_gateway"`
		*Alias
	}{Alias: (*Alias)(u)}
	if err := strictly(data, &both); err != nil {
		return err
	}
	orElse(&u.DestinationType, both.DestinationTypeSnake)
	orElse(&u.DestinationPartition, both.DestinationPartitionSnake)
	orElse(&u.DestinationNamespace, both.DestinationNamespaceSnake)
	orElse(&u.DestinationPeer, both.DestinationPeerSnake)
	orElse(&u.DestinationName, both.DestinationNameSnake)
	orElse(&u.LocalBindAddress, both.LocalBindAddressSnake)
	orElse(&u.LocalBindPort, both.LocalBindPortSnake)
	orElse(&u.LocalBindSocketPath, both.LocalBindSocketPathSnake)
	orElse(&u.LocalBindSocketMode, both.LocalBindSocketModeSnake)
	orElse(&u.MeshGateway, both.MeshGatewaySnake)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler, see [Proxy.UnmarshalJSON].
func (e *ExposePath) UnmarshalJSON(data []byte) error {
	type Alias ExposePath
	both := struct {
		ListenerPortSnake    int  `json:"listener_port"`
		LocalPathPortSnake   int  `json:"local_path_port"`
		ParsedFromCheckSnake bool `json:"parsed_from_check"`
		*Alias
	}{Alias: (*Alias)(e)}
	if err := strictly(data, &both); err != nil {
		return err
	}
	orElse(&e.ListenerPort, both.ListenerPortSnake)
	orElse(&e.LocalPathPort, both.LocalPathPortSnake)
	orElse(&e.ParsedFromCheck, both.ParsedFromCheckSnake)
	return nil
}

// listens returns where a proxy listens for the upstream.
func (u *Upstream) listens() string {
	switch {
	case u.LocalBindPort == 0 && u.LocalBindAddress == "" && u.LocalBindSocketPath != "":
		return u.LocalBindSocketPath
	case u.LocalBindAddress == "":
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(u.LocalBindPort))
	default:
		return net.JoinHostPort(u.LocalBindAddress, strconv.Itoa(u.LocalBindPort))
	}
}
