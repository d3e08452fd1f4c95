package local

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// SidecarID is the id of the sidecar that is announced with a service.
func SidecarID(service string) string { return service + "-sidecar-proxy" }

// Sidecar is a proxy that is announced with the service it stands before, and
// goes with it. Without a port it gets one; without checks it gets two: whether
// somebody listens there, and how its service fares.
type Sidecar struct {
	Service state.Service // its id is given
	Checks  []Check
	Token   string // its service's by default
}

var errNoPort = errors.New("no port provided for sidecar_service and auto-assignment disabled in config")

// of returns the sidecar as it stands before the service with the id.
func (s Sidecar) of(service string) Sidecar {
	s.Service.ID = SidecarID(service)
	if len(s.Checks) == 0 {
		s.Checks = sidecarChecks(service, s.Service)
	}
	return s
}

// sidecarPort returns the port for a sidecar that names none: the one it has,
// or the first that no service here has and that is not used.
func (l *Local) sidecarPort(id string, used map[int]bool) (int, error) {
	ports := l.config.SidecarPorts
	if ports.Min < 1 || ports.Max < 1 {
		return 0, errNoPort
	}
	for _, s := range l.services {
		port := s.definition.Port
		if s.definition.ID == id && ports.Min <= port && port <= ports.Max {
			return port, nil
		}
		used[port] = true
	}
	for port := ports.Min; port <= ports.Max; port++ {
		if !used[port] {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port provided for sidecar_service and none left in the configured range [%d, %d]", ports.Min, ports.Max)
}

// sidecarChecks are the checks of a sidecar that names none.
func sidecarChecks(service string, proxy state.Service) []Check {
	host := proxy.Address
	if host == "" {
		host = proxy.Proxy.LocalServiceAddress
	}
	listening := check.Definition{TCP: net.JoinHostPort(host, strconv.Itoa(proxy.Port)), Interval: 10 * time.Second}
	return []Check{
		{Name: "Connect Sidecar Listening", Definition: listening, Interval: listening.Interval.String()},
		{Name: "Connect Sidecar Aliasing " + service, Definition: check.Definition{AliasService: service}},
	}
}

// withOwnAddress returns the tagged addresses of a service with those that
// follow from its own.
func withOwnAddress(svc state.Service) map[string]state.ServiceAddress {
	address, err := netip.ParseAddr(svc.Address)
	if err != nil {
		return svc.TaggedAddresses
	}
	family := "ipv6"
	if address.Is4() {
		family = "ipv4"
	}
	all := map[string]state.ServiceAddress{}
	for _, side := range []string{"lan_", "wan_"} {
		all[side+family] = state.ServiceAddress{Address: svc.Address, Port: svc.Port}
	}
	maps.Copy(all, svc.TaggedAddresses)
	return all
}
