package command

import (
	"net/netip"
	"testing"
)

func TestChoosePlace(t *testing.T) {
	const (
		local  = "127.0.0.1"
		local6 = "::1"
		lan    = "10.0.0.7"
	)
	none := netip.Addr{}
	tests := []struct {
		name, host string
		routed     string
		member     netip.Addr
		want       place
	}{
		{"unset, registry here", "", local, none, place{local, local}},
		{"unset, registry here over IPv6", "", local6, none, place{local, local}},
		{"unset, registry elsewhere", "", lan, none, place{lan, lan}},
		{"unset, registry elsewhere over IPv6", "", "2001:db8::7", none, place{"2001:db8::7", "2001:db8::7"}},
		{"an address", "192.0.2.1", lan, none, place{"192.0.2.1", "192.0.2.1"}},
		{"a name", "web.example", lan, none, place{"web.example", "web.example"}},
		{"loopback, registry elsewhere: as asked", local, lan, none, place{local, local}},
		{"everywhere, registry elsewhere", "0.0.0.0", lan, none, place{"0.0.0.0", lan}},
		{"everywhere over IPv6, registry elsewhere", "::", lan, netip.MustParseAddr("10.0.0.9"), place{"::", lan}},
		{"everywhere, registry here and known to others", "0.0.0.0", local, netip.MustParseAddr(lan), place{"0.0.0.0", lan}},
		{"everywhere, registry here and on loopback", "0.0.0.0", local, netip.MustParseAddr(local), place{"0.0.0.0", local}},
		{"everywhere, registry here and silent about it", "0.0.0.0", local, none, place{"0.0.0.0", local}},
		{"everywhere, registry here and unspecified", "::", local6, netip.IPv6Unspecified(), place{"::", local6}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := choosePlace(test.host, netip.MustParseAddr(test.routed), test.member); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestRouteTo(t *testing.T) {
	for _, hostPort := range []string{"127.0.0.1:8500", "", "[::ffff:127.0.0.1]:8500"} {
		if got, err := routeTo(t.Context(), hostPort); err != nil || got != loopback {
			t.Errorf("routeTo(%q): got %v, %v, want %v", hostPort, got, err, loopback)
		}
	}
	if got, err := routeTo(t.Context(), "no port"); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}
