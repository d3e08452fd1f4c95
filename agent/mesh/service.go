package mesh

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what a service is besides a service; empty, or "typical" in
// questions, for most.
type Kind string

// The kinds of services that belong to a mesh.
const (
	ConnectProxy       Kind = "connect-proxy"
	MeshGateway        Kind = "mesh-gateway"
	TerminatingGateway Kind = "terminating-gateway"
	IngressGateway     Kind = "ingress-gateway"
	APIGateway         Kind = "api-gateway"
)

// IsGateway reports whether a service of this kind lets traffic into a mesh or
// out of it.
func (k Kind) IsGateway() bool {
	return k == MeshGateway || k == TerminatingGateway || k == IngressGateway || k == APIGateway
}

// Member is what the rules of a mesh need to know of a service instance.
type Member struct {
	Kind       Kind
	Port       int
	SocketPath string
	Proxy      *Proxy
	Native     bool // it speaks the mesh's protocol itself
	NoRegion   bool // it says in which zone it runs, and not in which region

	HasSidecar     bool // a sidecar is announced with it
	SidecarID      bool // one that names its own id
	SidecarSidecar bool // one with a sidecar in its turn
}

// Before returns the proxy set up, where it says nothing, for an instance of a
// service on the same machine: the one that it stands before.
func (p Proxy) Before(service, id string, port int, socketPath string) *Proxy {
	orElse(&p.DestinationServiceName, service)
	orElse(&p.DestinationServiceID, id)
	switch {
	case p.LocalServiceSocketPath != "" || p.LocalServiceAddress != "" && p.LocalServicePort > 0:
	case socketPath != "":
		p.LocalServiceSocketPath = socketPath
	default:
		orElse(&p.LocalServiceAddress, "127.0.0.1")
		orElse(&p.LocalServicePort, port)
	}
	return &p
}

// Validate returns everything that is wrong with a service instance in a
// mesh, or nil. The texts are Consul's.
func (m Member) Validate() error {
	var found faults
	if m.NoRegion {
		found.addf("zone cannot be set without region")
	}
	if m.Kind == ConnectProxy && m.Port == 0 && m.SocketPath == "" {
		found.addf("Port or SocketPath must be set for a %s", m.Kind)
	}
	found.add(m.ValidateSidecar())
	return found.err()
}

// ValidateSidecar is Validate for a proxy whose port is still to be chosen.
func (m Member) ValidateSidecar() error {
	var found faults
	if m.Kind == ConnectProxy {
		found = m.proxyFaults()
	}
	if m.Kind.IsGateway() {
		found = m.gatewayFaults()
	}
	if m.SidecarID {
		found.addf("A SidecarService cannot specify an ID as this is managed by the agent")
	}
	if m.SidecarSidecar {
		found.addf("A SidecarService cannot have a nested SidecarService")
	}
	if m.Native && m.Port == 0 && m.SocketPath == "" {
		found.addf("Port or SocketPath must be set for a Connect native service.")
	}
	return found.err()
}

func (m Member) proxyFaults() (found faults) {
	if strings.TrimSpace(m.Proxy.DestinationServiceName) == "" {
		found.addf("Proxy.DestinationServiceName must be non-empty for Connect proxy services")
	}
	if m.Proxy.DestinationServiceName == wildcard {
		found.addf("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services")
	}
	if m.Native {
		found.addf("A Proxy cannot also be Connect Native, only typical services")
	}
	if err := opaqueFault(m.Proxy.Config); err != nil {
		found.addf("Proxy.Config: %w", err)
	}
	return append(append(found, upstreamFaults(m.Proxy.Upstreams)...), m.Proxy.Expose.faults()...)
}

// opaqueFault returns what is wrong with settings that mean something to
// the proxy alone: the one that is known of can be too long for a socket.
func opaqueFault(config map[string]any) error {
	const longest = 70
	if dir, _ := config["envoy_hcp_metrics_bind_socket_dir"].(string); len(dir) > longest {
		return fmt.Errorf("envoy_hcp_metrics_bind_socket_dir length %d exceeds max %d", len(dir), longest)
	}
	return nil
}

func upstreamFaults(upstreams []Upstream) (found faults) {
	destinations, listeners := map[string]bool{}, map[string]bool{}
	for _, u := range upstreams {
		if err := u.validate(); err != nil {
			found.add(err)
			continue
		}
		destination := fmt.Sprintf("[type=%q, name=%q, partition=%q, namespace=%q, peer=%q, datacenter=%q]",
			u.DestinationType, u.DestinationName, u.DestinationPartition, u.DestinationNamespace, u.DestinationPeer, u.Datacenter)
		if destinations[destination] {
			found.addf("upstreams cannot contain duplicates of %s", destination)
			continue
		}
		destinations[destination] = true
		listens := u.listens()
		if listeners[listens] && !u.CentrallyConfigured {
			found.addf("upstreams cannot contain duplicates by local bind address and port or unix path; %q is specified twice", listens)
			continue
		}
		listeners[listens] = true
	}
	return found
}

func (u *Upstream) validate() error {
	switch {
	case u.DestinationPeer != "" && u.DestinationPartition != "" && u.DestinationPartition != "default":
		return errors.New("upstreams must target peers in the same partition as the service")
	case u.DestinationPeer == "" && u.Datacenter != "" && u.DestinationPartition != "" && u.DestinationPartition != "default":
		return errors.New("upstreams cannot target another datacenter in non default partition")
	case u.DestinationType != "" && u.DestinationType != "service" && u.DestinationType != "prepared_query":
		return fmt.Errorf("unknown upstream destination type: %q", u.DestinationType)
	case u.DestinationName == "":
		return errors.New("upstream destination name cannot be empty")
	case u.DestinationName == wildcard && !u.CentrallyConfigured:
		return errors.New("upstream destination name cannot be a wildcard")
	case u.DestinationPeer != "" && u.Datacenter != "":
		return errors.New("upstream cannot specify both destination peer and datacenter")
	case u.CentrallyConfigured:
		return nil
	case u.LocalBindPort == 0 && u.LocalBindSocketPath == "":
		return errors.New("upstream local bind port or local socket path must be defined and nonzero")
	case u.LocalBindPort != 0 && u.LocalBindSocketPath != "":
		return errors.New("only one of upstream local bind port or local socket path can be defined and nonzero")
	default:
		return nil
	}
}

func (e ExposeConfig) faults() (found faults) {
	listeners := map[int]bool{}
	for _, path := range e.Paths {
		if path.Path == "" {
			found.addf("expose.paths: empty path exposed")
		}
		if listeners[path.ListenerPort] {
			found.addf("expose.paths: duplicate listener ports exposed")
		}
		listeners[path.ListenerPort] = true
		if path.ListenerPort <= 0 || path.ListenerPort > 65535 {
			found.addf("expose.paths: invalid listener port: %d", path.ListenerPort)
		}
		if protocol := strings.ToLower(path.Protocol); protocol != "" && protocol != "http" && protocol != "http2" {
			found.addf("protocol '%s' not supported for path: %s, must be in: [http http2]", protocol, path.Path)
		}
	}
	return found
}

func (m Member) gatewayFaults() (found faults) {
	if m.Port == 0 && m.Kind != IngressGateway && m.Kind != APIGateway {
		found.addf("Port must be non-zero for a %s", m.Kind)
	}
	if m.HasSidecar {
		found.addf("A %s cannot have a sidecar service defined", m.Kind)
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"DestinationServiceName", m.Proxy.DestinationServiceName != ""},
		{"DestinationServiceID", m.Proxy.DestinationServiceID != ""},
		{"LocalServiceAddress", m.Proxy.LocalServiceAddress != ""},
		{"LocalServicePort", m.Proxy.LocalServicePort != 0},
		{"LocalServiceSocketPath", m.Proxy.LocalServiceSocketPath != ""},
		{"Upstreams", len(m.Proxy.Upstreams) != 0},
	} {
		if field.set {
			found.addf("The Proxy.%s configuration is invalid for a %s", field.name, m.Kind)
		}
	}
	return found
}
