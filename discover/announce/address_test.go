package announce_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

func TestPlaceFor(t *testing.T) {
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
		want       announce.Place
	}{
		{"unset, registry here", "", local, none, announce.Place{local, local}},
		{"unset, registry here over IPv6", "", local6, none, announce.Place{local, local}},
		{"unset, registry elsewhere", "", lan, none, announce.Place{lan, lan}},
		{"unset, registry elsewhere over IPv6", "", "2001:db8::7", none, announce.Place{"2001:db8::7", "2001:db8::7"}},
		{"an address", "192.0.2.1", lan, none, announce.Place{"192.0.2.1", "192.0.2.1"}},
		{"a name", "web.example", lan, none, announce.Place{"web.example", "web.example"}},
		{"loopback, registry elsewhere: as asked", local, lan, none, announce.Place{local, local}},
		{"everywhere, registry elsewhere", "0.0.0.0", lan, none, announce.Place{"0.0.0.0", lan}},
		{"everywhere over IPv6, registry elsewhere", "::", lan, netip.MustParseAddr("10.0.0.9"), announce.Place{"::", lan}},
		{"everywhere, registry here and known to others", "0.0.0.0", local, netip.MustParseAddr(lan), announce.Place{"0.0.0.0", lan}},
		{"everywhere, registry here and on loopback", "0.0.0.0", local, netip.MustParseAddr(local), announce.Place{"0.0.0.0", local}},
		{"everywhere, registry here and silent about it", "0.0.0.0", local, none, announce.Place{"0.0.0.0", local}},
		{"everywhere, registry here and unspecified", "::", local6, netip.IPv6Unspecified(), announce.Place{"::", local6}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := announce.PlaceFor(test.host, netip.MustParseAddr(test.routed), test.member); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestAddressFor(t *testing.T) {
	agent := agenttest.Start(t)
	registry := registryAt(t, agent.Addr)
	for listen, want := range map[string]string{"127.0.0.1:0": "127.0.0.1", "[::1]:0": "::1", "0.0.0.0:0": "127.0.0.1", ":0": "127.0.0.1"} {
		listener, err := net.Listen("tcp", listen)
		if err != nil {
			if listen == "[::1]:0" {
				continue // a machine without IPv6
			}
			t.Fatal(err)
		}
		defer listener.Close()
		host, port, err := announce.AddressFor(t.Context(), registry, listener.Addr())
		if err != nil || host != want || port == 0 || port != listener.Addr().(*net.TCPAddr).Port {
			t.Errorf("%s: got %s, %d, error %v; want %s and its port", listen, host, port, err, want)
		}
	}
	for name, try := range map[string]struct {
		registry *consul.Client
		addr     net.Addr
	}{
		"nil":           {registry, nil},
		"a nil address": {registry, (*net.TCPAddr)(nil)},
		"nobody to ask": {nil, &net.TCPAddr{IP: net.IPv4zero, Port: 80}},
	} {
		if _, _, err := announce.AddressFor(t.Context(), try.registry, try.addr); !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), "nil") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	if _, _, err := announce.AddressFor(t.Context(), registry, &net.UnixAddr{Name: "/s", Net: "unix"}); !errors.Is(err, discover.ErrInvalid) {
		t.Errorf("a socket: got error %v, want ErrInvalid", err)
	}
}
