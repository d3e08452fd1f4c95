package announce

import (
	"context"
	"fmt"
	"net"
	"net/netip"

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
// address from which packets to the registry leave, as [Locator.Route] finds it:
// loopback when the registry is on this machine. agent is the address under
// which the registry's own agent is known to others, as
// [Locator.AgentAddress] tells it, the zero value when it is not known.
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

// AddressFor returns the host and port to announce for what listens on
// listening, a listener's Addr, so that others reach it, whatever its port was
// asked to be. c is the registry. Who listens on everything announces the address from which it reaches the registry, or, when
// that is on this machine, the one under which the registry's agent is known. A
// process with several listeners announces an instance for each.
func AddressFor(ctx context.Context, c Locator, listening net.Addr) (host string, port int, err error) {
	tcp, ok := listening.(*net.TCPAddr)
	switch {
	case listening == nil || ok && tcp == nil:
		return "", 0, fmt.Errorf("%w address to listen on: it is nil: want a listener's Addr", discover.ErrInvalid)
	case !ok:
		return "", 0, fmt.Errorf("%w address %q to listen on: want one of TCP", discover.ErrInvalid, listening)
	}
	address := tcp.AddrPort().Addr().Unmap()
	if valid.IsMissing(c) {
		return "", 0, fmt.Errorf("%w registry to announce to: it is nil", discover.ErrInvalid)
	}
	routed, err := c.Route(ctx)
	if err != nil {
		return "", 0, err
	}
	var agent netip.Addr
	if address.IsUnspecified() && routed.IsLoopback() {
		if agent, err = c.AgentAddress(ctx); err != nil {
			return "", 0, err
		}
	}
	return PlaceFor(address.String(), routed, agent).Announce, tcp.Port, nil
}
