package announce_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

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
