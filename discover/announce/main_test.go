package announce_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	web     = discover.Query{Service: "web"}
	errDown = errors.New("connection refused")
)

// registryAt returns the registry that listens there.
func registryAt(t testing.TB, address string) *discover.Consul {
	t.Helper()
	return registryOf(t, address, discover.ConsulConfig{})
}

func registryOf(t testing.TB, address string, cfg discover.ConsulConfig) *discover.Consul {
	t.Helper()
	registry, err := discover.NewConsul(&api.Config{Address: address}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.CloseIdleConnections)
	return registry
}

func ids(instances []discover.Instance) string {
	var ids []string
	for _, i := range instances {
		ids = append(ids, i.ID)
	}
	return strings.Join(ids, " ")
}
