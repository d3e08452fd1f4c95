package place

import (
	"net/netip"
	"testing"
)

func TestFor(t *testing.T) {
	const (
		local  = "127.0.0.1"
		local6 = "::1"
		lan    = "10.0.0.7"
	)
	none := netip.Addr{}
	tests := []struct {
		name, host       string
		routed           string
		agent            netip.Addr
		listen, announce string
	}{
		{"unset, registry here", "", local, none, local, local},
		{"unset, registry here over IPv6", "", local6, none, local, local},
		{"unset, registry elsewhere", "", lan, none, lan, lan},
		{"unset, registry elsewhere over IPv6", "", "2001:db8::7", none, "2001:db8::7", "2001:db8::7"},
		{"an address", "192.0.2.1", lan, none, "192.0.2.1", "192.0.2.1"},
		{"a name", "web.example", lan, none, "web.example", "web.example"},
		{"loopback, registry elsewhere: as asked", local, lan, none, local, local},
		{"everywhere, registry elsewhere", "0.0.0.0", lan, none, "0.0.0.0", lan},
		{"everywhere over IPv6, registry elsewhere", "::", lan, netip.MustParseAddr("10.0.0.9"), "::", lan},
		{"everywhere, registry here and known to others", "0.0.0.0", local, netip.MustParseAddr(lan), "0.0.0.0", lan},
		{"everywhere, registry here and on loopback", "0.0.0.0", local, netip.MustParseAddr(local), "0.0.0.0", local},
		{"everywhere, registry here and silent about it", "0.0.0.0", local, none, "0.0.0.0", local},
		{"everywhere, registry here and unspecified", "::", local6, netip.IPv6Unspecified(), "::", local6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			listen, announce := For(test.host, netip.MustParseAddr(test.routed), test.agent)
			if listen != test.listen || announce != test.announce {
				t.Errorf("got %s and %s, want %s and %s", listen, announce, test.listen, test.announce)
			}
		})
	}
}
