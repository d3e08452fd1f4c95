// Package chain compiles what is configured of a service into the way that its
// requests take: by a router's rules, a splitter's weights and a resolver's
// choice to instances of this service or of others. It also says whether what
// is to be configured fits with all that is.
//
// Everything here is a function of config entries. Who stores them, and where
// the instances are, is not known here; and there is one datacenter, though a
// chain may lead to others.
// https://developer.hashicorp.com/consul/docs/connect/manage-traffic/discovery-chain
package chain

import (
	"time"

	"github.com/realjf/muster/agent/mesh"
)

// Entries is what is configured. Names compare without regard to case.
type Entries interface {
	mesh.Entries
	// ConfigEntries returns all entries of a kind.
	ConfigEntries(kind string) []mesh.Entry
}

// Request says what is to be compiled.
type Request struct {
	Service     string
	Datacenter  string // where the chain begins
	TrustDomain string // of the mesh
	Overrides
}

// Overrides take the place of what is configured.
type Overrides struct {
	OverrideMeshGateway    mesh.MeshGatewayConfig `alias:"override_mesh_gateway"`
	OverrideProtocol       string                 `alias:"override_protocol"`
	OverrideConnectTimeout time.Duration          `alias:"override_connect_timeout"`
}

// Chain is the way of a service's requests: a graph of nodes that leads to
// targets. Its fields and their JSON are those of Consul's CompiledDiscoveryChain.
type Chain struct {
	ServiceName       string
	Namespace         string
	Partition         string
	Datacenter        string
	CustomizationHash string                `json:",omitempty"` // over the overrides that made a difference
	Default           bool                  `json:",omitempty"` // nothing is configured but what all have
	Protocol          string                `json:",omitempty"`
	ServiceMeta       map[string]string     `json:",omitempty"`
	EnvoyExtensions   []mesh.EnvoyExtension `json:",omitempty"`
	StartNode         string                `json:",omitempty"`
	Nodes             map[string]*Node      `json:",omitempty"`
	Targets           map[string]*Target    `json:",omitempty"`
	AutoVirtualIPs    []string
	ManualVirtualIPs  []string
}

// The types of nodes.
const (
	router   = "router"
	splitter = "splitter"
	resolver = "resolver"
)

// Node is a place where a request's way is decided.
type Node struct {
	Type         string
	Name         string
	Routes       []*Route           `json:",omitempty"`
	Splits       []*Split           `json:",omitempty"`
	Resolver     *Resolver          `json:",omitempty"`
	LoadBalancer *mesh.LoadBalancer `json:",omitempty"`
}

// key is how other nodes refer to the node.
func (n *Node) key() string { return n.Type + ":" + n.Name }

// next returns the keys of the nodes that the node leads to.
func (n *Node) next() (keys []string) {
	for _, route := range n.Routes {
		keys = append(keys, route.NextNode)
	}
	for _, split := range n.Splits {
		keys = append(keys, split.NextNode)
	}
	return keys
}

// Route is one rule of a router.
type Route struct {
	Definition *mesh.ServiceRoute `json:",omitempty"`
	NextNode   string             `json:",omitempty"`
}

// Split is one part of a splitter.
type Split struct {
	Definition *mesh.ServiceSplit `json:",omitempty"`
	Weight     float32            `json:",omitempty"` // of all requests that come to the node
	NextNode   string             `json:",omitempty"`
}

// Resolver chooses a target.
type Resolver struct {
	ConnectTimeout mesh.Duration `json:",omitempty"`
	Default        bool          `json:",omitempty"`
	RequestTimeout time.Duration `json:",omitempty"`
	Target         string        `json:",omitempty"`
	Failover       *Failover     `json:",omitempty"`
}

// Failover is the targets that are tried when one fails.
type Failover struct {
	Targets []string                            `json:",omitempty"`
	Policy  *mesh.ServiceResolverFailoverPolicy `json:",omitempty"`
}

// Target is a set of instances.
type Target struct {
	ConnectTimeout mesh.Duration `json:",omitempty"`
	ID             string        `json:",omitempty"`
	place
	MeshGateway      mesh.MeshGatewayConfig
	Subset           mesh.ServiceResolverSubset
	TransparentProxy mesh.TransparentProxyConfig
	External         bool   `json:",omitempty"` // it lies outside of the mesh
	SNI              string `json:",omitempty"`
	Name             string `json:",omitempty"`
}

// place tells targets apart.
type place struct {
	Service       string `json:",omitempty"`
	ServiceSubset string `json:",omitempty"`
	Namespace     string `json:",omitempty"`
	Partition     string `json:",omitempty"`
	Datacenter    string `json:",omitempty"`
	Peer          string `json:",omitempty"`
}

// id is the name of a target in its chain.
func (p place) id() string {
	tail := "." + tenant + "." + tenant + "."
	switch {
	case p.Peer != "":
		return p.Service + tail + "external." + p.Peer
	case p.ServiceSubset != "":
		return p.ServiceSubset + "." + p.Service + tail + p.Datacenter
	default:
		return p.Service + tail + p.Datacenter
	}
}

// sni is the name by which proxies ask for a target.
func (p place) sni(trustDomain string) string {
	name := p.Service + "." + tenant + "." + p.Datacenter + ".internal." + trustDomain
	if p.ServiceSubset != "" {
		name = p.ServiceSubset + "." + name
	}
	return name
}

// tenant is the only namespace, and the only partition.
const tenant = "default"
