package consul_test

import (
	"net/netip"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover/consul"
)

func TestRoute(t *testing.T) {
	for _, address := range []string{
		"127.0.0.1:8500", "127.0.0.1", "[::ffff:127.0.0.1]:8500", "http://127.0.0.1:8500", "https://127.0.0.1:8501/prefix", "[::1]:8500", "unix:///run/consul.sock",
	} {
		registry, err := consul.New(&api.Config{Address: address}, consul.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := registry.Route(t.Context()); err != nil || !got.IsLoopback() || got.Is4In6() || address == "127.0.0.1" && got != netip.MustParseAddr(address) {
			t.Errorf("to %q: got %v, %v, want loopback", address, got, err)
		}
	}
}
