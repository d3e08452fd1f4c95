package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/hashicorp/consul/api"
)

// place is where a service listens and where others are told to find it. Both
// are hosts without a port.
type place struct {
	listen   string
	announce string
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// choosePlace is the rule for where a service listens and what it announces.
//
// host is what somebody asked for, "" when nobody did. routed is the local
// address from which packets to the registry leave: loopback when the registry
// is on this machine. member is the address under which the registry's own
// agent is known to others, the zero value when it is not known.
func choosePlace(host string, routed, member netip.Addr) place {
	asked, err := netip.ParseAddr(host)
	switch {
	case host == "" && routed.IsLoopback():
		return place{loopback.String(), loopback.String()}
	case host == "":
		return place{routed.String(), routed.String()}
	case err != nil || !asked.IsUnspecified():
		return place{host, host}
	}
	// Everywhere, which is no place that others could be sent to.
	switch {
	case !routed.IsLoopback():
		return place{host, routed.String()}
	case member.IsValid() && !member.IsUnspecified():
		return place{host, member.String()}
	default:
		return place{host, routed.String()}
	}
}

// findPlace finds out what the rule needs to know about the registry and
// applies it.
func findPlace(ctx context.Context, host string, r *registry, logger *slog.Logger) (place, error) {
	routed, err := routeTo(ctx, r.hostPort)
	if err != nil {
		return place{}, fmt.Errorf("find the address that routes to the registry, which -service.host would replace: %w", err)
	}
	var member netip.Addr
	if asked, err := netip.ParseAddr(host); err == nil && asked.IsUnspecified() && routed.IsLoopback() {
		if member, err = memberAddress(ctx, r.client); err != nil {
			logger.Warn("announcing loopback: the registry does not say under which address it is known", "error", err)
		}
	}
	if asked, err := netip.ParseAddr(host); err == nil && asked.IsLoopback() && !routed.IsLoopback() {
		logger.Warn("announcing loopback to a registry on another machine, which cannot check it", "host", host, "registry", r.address)
	}
	return choosePlace(host, routed, member), nil
}

// routeTo returns the local address from which packets to hostPort leave;
// "" stands for a socket on this machine. It sends nothing: connecting a UDP
// socket only asks the kernel for the route.
func routeTo(ctx context.Context, hostPort string) (netip.Addr, error) {
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

// memberAddress asks the registry's agent for its own address.
func memberAddress(ctx context.Context, client *api.Client) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var self struct {
		Member struct{ Addr string }
	}
	if _, err := client.Raw().Query("/v1/agent/self", &self, (&api.QueryOptions{}).WithContext(ctx)); err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(self.Member.Addr)
}
