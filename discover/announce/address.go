package announce

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/valid"
)

// Place is where a service listens and where others are told to find it. Both
// are hosts without a port.
type Place struct {
	Listen   string
	Announce string
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// PlaceFor is the rule for where a service listens and what it announces.
//
// host is what somebody asked for, "" when nobody did. routed is the local
// address from which packets to the registry leave, as [RouteTo] finds it:
// loopback when the registry is on this machine. agent is the address under
// which the registry's own agent is known to others, as a [Locator]
// tells it, the zero value when it is not known.
func PlaceFor(host string, routed, agent netip.Addr) Place {
	asked, err := netip.ParseAddr(host)
	switch {
	case host == "" && routed.IsLoopback():
		return Place{loopback.String(), loopback.String()}
	case host == "":
		return Place{routed.String(), routed.String()}
	case err != nil || !asked.IsUnspecified():
		return Place{host, host}
	}
	// Everywhere, which is no place that others could be sent to.
	switch {
	case !routed.IsLoopback():
		return Place{host, routed.String()}
	case agent.IsValid() && !agent.IsUnspecified():
		return Place{host, agent.String()}
	default:
		return Place{host, routed.String()}
	}
}

// RouteTo returns the local address from which packets to registry leave, which
// is a host and a port, or a URL; empty, or of a socket on this machine, stands
// for this machine. It sends nothing: connecting a UDP socket only asks the kernel
// for the route. It blocks while a host name is looked up.
func RouteTo(ctx context.Context, registry string) (netip.Addr, error) {
	scheme, hostPort, isURL := strings.Cut(registry, "://")
	switch {
	case !isURL:
		hostPort = registry
	case scheme == "unix":
		hostPort = ""
	default:
		hostPort, _, _ = strings.Cut(hostPort, "/")
	}
	if hostPort == "" {
		return loopback, nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", hostPort)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}, err
	}
	return local.Addr().Unmap(), nil
}

// AddressFor returns the host and port to announce for what listens on
// listening, a listener's Addr, so that others reach it, whatever its port was
// asked to be. registry is where c is, as [RouteTo] takes it. Who listens on
// everything announces the address from which it reaches the registry, or, when
// that is on this machine, the one under which the registry's agent is known. A
// process with several listeners announces an instance for each.
func AddressFor(ctx context.Context, c Locator, listening net.Addr, registry string) (host string, port int, err error) {
	tcp, ok := listening.(*net.TCPAddr)
	switch {
	case listening == nil || ok && tcp == nil:
		return "", 0, fmt.Errorf("%w address to listen on: it is nil: want a listener's Addr", discover.ErrInvalid)
	case !ok:
		return "", 0, fmt.Errorf("%w address %q to listen on: want one of TCP", discover.ErrInvalid, listening)
	}
	address := tcp.AddrPort().Addr().Unmap()
	routed, err := RouteTo(ctx, registry)
	if err != nil {
		return "", 0, fmt.Errorf("address that routes to the registry at %q: %w", registry, err)
	}
	var agent netip.Addr
	if address.IsUnspecified() && routed.IsLoopback() {
		if valid.IsMissing(c) {
			return "", 0, fmt.Errorf("%w registry to ask for its agent's address: it is nil", discover.ErrInvalid)
		}
		if agent, err = c.AgentAddress(ctx); err != nil {
			return "", 0, err
		}
	}
	return PlaceFor(address.String(), routed, agent).Announce, tcp.Port, nil
}
