package announce

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/place"
	"github.com/realjf/muster/internal/valid"
)

// AddressFor returns the host and port to announce for a listener with the
// address listening. If that is on all addresses, the host is the local address
// that leads to reg or, with reg on this machine, the address of its agent. It
// blocks for a name lookup and one request at most. The error wraps ErrInvalid,
// or is reg's.
func AddressFor(ctx context.Context, reg Registry, listening net.Addr) (host string, port int, err error) {
	tcp, ok := listening.(*net.TCPAddr)
	switch {
	case listening == nil || ok && tcp == nil:
		return "", 0, fmt.Errorf("%w address to listen on: it is nil: want a listener's Addr", discover.ErrInvalid)
	case !ok:
		return "", 0, fmt.Errorf("%w address %q to listen on: want one of TCP", discover.ErrInvalid, listening)
	}
	address := tcp.AddrPort().Addr().Unmap()
	if valid.IsMissing(reg) {
		return "", 0, fmt.Errorf("%w registry to announce to: it is nil", discover.ErrInvalid)
	}
	c, ok := reg.(locator)
	if !ok {
		return "", 0, fmt.Errorf("%w registry to announce to: it does not tell where it is: want a host to announce", discover.ErrInvalid)
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
	_, host = place.For(address.String(), routed, agent)
	return host, tcp.Port, nil
}
