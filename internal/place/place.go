// Package place is the rule for where a service listens and where it says that
// others find it. It asks nobody and opens nothing: what the rule needs to know,
// its callers find out.
package place

import "net/netip"

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// For returns the host to listen on and the one to announce, both without a port.
//
// host is what somebody asked for, "" when nobody did. routed is the local address
// from which packets to the registry leave: loopback when the registry is on this
// machine. agent is the address under which the registry's own agent is known to
// others, the zero value when it is not known.
func For(host string, routed, agent netip.Addr) (listen, announce string) {
	asked, err := netip.ParseAddr(host)
	switch {
	case host == "" && routed.IsLoopback():
		return loopback.String(), loopback.String()
	case host == "":
		return routed.String(), routed.String()
	case err != nil || !asked.IsUnspecified():
		return host, host
	}
	// Everywhere, which is no place that others could be sent to.
	if routed.IsLoopback() && agent.IsValid() && !agent.IsUnspecified() {
		return host, agent.String()
	}
	return host, routed.String()
}
