package registry

import (
	"fmt"
	"strconv"
	"time"

	"github.com/realjf/muster/test/program"
)

// Agent is muster's registry by itself; muster is the program's path.
func Agent(muster string) Kind {
	return Kind{
		Name: "muster-agent",
		Path: muster,
		Args: func(port int) ([]string, error) {
			return []string{"agent", "-dev", "-http-port", strconv.Itoa(port)}, nil
		},
		ReapEvery: time.Second,
	}
}

// Embedded is the registry inside a muster service.
func Embedded(muster string) Kind {
	return Kind{
		Name: "muster-serve",
		Path: muster,
		Args: func(port int) ([]string, error) {
			return []string{
				"-registry", "embedded", "-consul.port", strconv.Itoa(port),
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
		Args: func(port int) ([]string, error) {
			args, err := ConsulPorts(port)
			return append([]string{"agent", "-dev", "-log-level", "warn"}, args...), err
		},
		MinDeregisterAfter: time.Minute,
		ReapEvery:          30 * time.Second,
	}
}

// ConsulPorts returns the arguments that give a Consul agent ports of its own
// on loopback, switch off the doors that nobody here uses, and lift the limit
// of 200 connections per client address.
func ConsulPorts(httpPort int) ([]string, error) {
	args := []string{
		"-bind", "127.0.0.1", "-client", "127.0.0.1",
		"-node", fmt.Sprintf("node-%d", httpPort),
		"-http-port", strconv.Itoa(httpPort),
		"-dns-port", "-1", "-grpc-port", "-1", "-grpc-tls-port", "-1", "-serf-wan-port", "-1",
		"-hcl", "limits { http_max_conns_per_client = 0 }",
	}
	for _, flag := range []string{"-serf-lan-port", "-server-port"} {
		port, err := program.FreePort()
		if err != nil {
			return nil, err
		}
		args = append(args, flag, strconv.Itoa(port))
	}
	return args, nil
}
