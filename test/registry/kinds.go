package registry

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/realjf/muster/test/program"
)

// Agent is muster's registry by itself; muster is the program's path.
func Agent(muster string) Kind {
	return Kind{
		Name: "muster-agent",
		Path: muster,
		Args: func(ports Ports) ([]string, error) {
			return []string{
				"agent", "-dev", "-http-port", strconv.Itoa(ports.HTTP), "-dns-port", strconv.Itoa(ports.DNS),
				"-http-max-conns-per-client", "0",
			}, nil
		},
		ReapEvery: time.Second,
	}
}

// Durable is muster's registry with a folder that it keeps everything in, so
// one that ends can be started again; muster is the program's path.
func Durable(muster, folder string) Kind {
	kind := Agent(muster)
	kind.Name = "muster-durable"
	kind.Args = func(ports Ports) ([]string, error) {
		return []string{
			"agent", "-data-dir", folder, "-bind", "127.0.0.1", "-http-port", strconv.Itoa(ports.HTTP), "-dns-port", strconv.Itoa(ports.DNS),
			"-http-max-conns-per-client", "0",
		}, nil
	}
	return kind
}

// Embedded is the registry inside a muster service.
func Embedded(muster string) Kind {
	return Kind{
		Name: "muster-serve",
		Path: muster,
		Args: func(ports Ports) ([]string, error) {
			return []string{
				"-registry", "embedded", "-consul.port", strconv.Itoa(ports.HTTP),
				"-service.name", "registry-host", "-service.port", "0",
			}, nil
		},
		ReapEvery: time.Second,
	}
}

// Consul is a real Consul in dev mode; consul is the program's path.
func Consul(consul string) Kind {
	return Kind{
		Name: "consul",
		Path: consul,
		Args: func(ports Ports) ([]string, error) {
			server, err := newServerPorts()
			return append(server.args(ports), "-dev", "-log-level", "warn"), err
		},
		MinDeregisterAfter: time.Minute,
		ReapEvery:          30 * time.Second,
	}
}

// Cluster returns real Consul servers that will form one cluster when all of
// them are started. They keep their data below folder, so one that ends can be
// started again.
func Cluster(consul, folder string, size int) ([]*Registry, error) {
	var servers []*Registry
	var join []string
	for range size {
		ports, err := newServerPorts()
		if err != nil {
			return nil, err
		}
		join = append(join, "-retry-join", fmt.Sprintf("127.0.0.1:%d", ports.gossip))
		server, err := New(Consul(consul))
		if err != nil {
			return nil, err
		}
		server.Args = func(doors Ports) ([]string, error) {
			return slices.Concat(ports.args(doors), join, []string{
				"-server", "-bootstrap-expect", strconv.Itoa(size), "-data-dir", filepath.Join(folder, strconv.Itoa(doors.HTTP)),
				"-retry-interval", "1s", "-log-level", "info",
				// The timing that Consul's documentation gives for production.
				"-hcl", "performance { raft_multiplier = 1 }",
			}), nil
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// serverPorts are a Consul server's ports beside those for clients.
type serverPorts struct{ gossip, rpc int }

func newServerPorts() (ports serverPorts, err error) {
	if ports.gossip, err = program.FreePort(); err != nil {
		return ports, err
	}
	ports.rpc, err = program.FreePort()
	return ports, err
}

// args starts an agent on the ports, on loopback, with the doors closed that
// nobody here uses and without the limit of 200 connections per client.
func (p serverPorts) args(ports Ports) []string {
	return []string{
		"agent", "-bind", "127.0.0.1", "-client", "127.0.0.1",
		"-node", NodeName(ports.HTTP), "-http-port", strconv.Itoa(ports.HTTP), "-dns-port", strconv.Itoa(ports.DNS),
		"-serf-lan-port", strconv.Itoa(p.gossip), "-server-port", strconv.Itoa(p.rpc),
		"-grpc-port", "-1", "-grpc-tls-port", "-1", "-serf-wan-port", "-1",
		"-disable-host-node-id",
		"-hcl", "limits { http_max_conns_per_client = 0 }",
	}
}

// NodeName returns the node name of the Consul with that HTTP port.
func NodeName(httpPort int) string { return fmt.Sprintf("node-%d", httpPort) }
