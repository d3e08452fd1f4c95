package consul

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// Route returns the local address from which packets to the registry leave:
// loopback when it is on this machine. It sends nothing, for connecting a UDP socket
// only asks the kernel for the route, and blocks while a host name is looked up.
func (c *Client) Route(ctx context.Context) (netip.Addr, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", hostPortOf(c.base))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("address that routes to the registry at %q: %w", c.base.Host, err)
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("address that routes to the registry at %q: %w", c.base.Host, err)
	}
	return local.Addr().Unmap(), nil
}

// hostPortOf returns where to connect to for base, whose port may be the scheme's.
func hostPortOf(base url.URL) string {
	return net.JoinHostPort(base.Hostname(), cmp.Or(base.Port(), map[string]string{"http": "80", "https": "443"}[base.Scheme]))
}
