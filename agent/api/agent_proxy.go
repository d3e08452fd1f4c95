package api

import "github.com/realjf/muster/agent/mesh"

// AgentServiceConnectProxyConfig is how a proxy of this node is set up, as the
// agent shows it. It differs from what the catalog shows in what is left out;
// for its names see [AgentService].
type AgentServiceConnectProxyConfig struct {
	EnvoyExtensions        []mesh.EnvoyExtension        `json:",omitempty"` // never shown, but part of the hash
	DestinationServiceName string                       `json:",omitempty"`
	DestinationServiceID   string                       `json:",omitempty"`
	LocalServiceAddress    string                       `json:",omitempty"`
	LocalServicePort       int                          `json:",omitempty"`
	LocalServiceSocketPath string                       `json:",omitempty"`
	Mode                   mesh.ProxyMode               `json:",omitempty"`
	TransparentProxy       *mesh.TransparentProxyConfig `json:",omitempty"`
	Config                 map[string]any               `json:",omitempty" bexpr:"-"`
	Upstreams              []Upstream                   `json:",omitempty"`
	MeshGateway            mesh.MeshGatewayConfig
	Expose                 ExposeConfig
	AccessLogs             *mesh.AccessLogsConfig `json:",omitempty"`
}

// Upstream is [mesh.Upstream] as the agent shows it.
type Upstream struct {
	DestinationType      string `json:",omitempty"`
	DestinationPartition string `json:",omitempty"`
	DestinationNamespace string `json:",omitempty"`
	DestinationPeer      string `json:",omitempty"`
	DestinationName      string
	Datacenter           string         `json:",omitempty"`
	LocalBindAddress     string         `json:",omitempty"`
	LocalBindPort        int            `json:",omitempty"`
	LocalBindSocketPath  string         `json:",omitempty"`
	LocalBindSocketMode  string         `json:",omitempty"`
	Config               map[string]any `json:",omitempty" bexpr:"-"`
	MeshGateway          mesh.MeshGatewayConfig
	CentrallyConfigured  bool `json:",omitempty" bexpr:"-"` // never shown, but part of the hash
}

// ExposeConfig is [mesh.ExposeConfig] as the agent shows it.
type ExposeConfig struct {
	Checks bool         `json:",omitempty"`
	Paths  []ExposePath `json:",omitempty"`
}

// ExposePath is [mesh.ExposePath] as the agent shows it.
type ExposePath struct {
	ListenerPort    int    `json:",omitempty"`
	Path            string `json:",omitempty"`
	LocalPathPort   int    `json:",omitempty"`
	Protocol        string `json:",omitempty"`
	ParsedFromCheck bool
}

// AgentServiceConnect says whether an instance speaks the mesh's protocol
// itself.
type AgentServiceConnect struct {
	Native         bool      `json:",omitempty"`
	SidecarService *struct{} `json:",omitempty" bexpr:"-"` // always nil, but part of the hash
}

func newAgentProxy(p *mesh.Proxy) *AgentServiceConnectProxyConfig {
	shown := &AgentServiceConnectProxyConfig{
		DestinationServiceName: p.DestinationServiceName, DestinationServiceID: p.DestinationServiceID,
		LocalServiceAddress: p.LocalServiceAddress, LocalServicePort: p.LocalServicePort,
		LocalServiceSocketPath: p.LocalServiceSocketPath, Mode: p.Mode, Config: p.Config, MeshGateway: p.MeshGateway,
		Expose: ExposeConfig{Checks: p.Expose.Checks},
	}
	for _, upstream := range p.Upstreams {
		shown.Upstreams = append(shown.Upstreams, newAgentUpstream(upstream))
	}
	for _, path := range p.Expose.Paths {
		shown.Expose.Paths = append(shown.Expose.Paths, ExposePath(path))
	}
	if p.TransparentProxy != (mesh.TransparentProxyConfig{}) {
		shown.TransparentProxy = &p.TransparentProxy
	}
	if p.AccessLogs != (mesh.AccessLogsConfig{}) {
		shown.AccessLogs = &p.AccessLogs
	}
	return shown
}

func newAgentUpstream(u mesh.Upstream) Upstream {
	return Upstream{
		DestinationType: u.DestinationType, DestinationPartition: u.DestinationPartition, DestinationNamespace: u.DestinationNamespace,
		DestinationPeer: u.DestinationPeer, DestinationName: u.DestinationName, Datacenter: u.Datacenter,
		LocalBindAddress: u.LocalBindAddress, LocalBindPort: u.LocalBindPort,
		LocalBindSocketPath: u.LocalBindSocketPath, LocalBindSocketMode: u.LocalBindSocketMode,
		Config: u.Config, MeshGateway: u.MeshGateway,
	}
}
