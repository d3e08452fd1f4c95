package announce_test

import (
	"errors"
	"testing"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	web     = discover.Query{Service: "web"}
	errDown = errors.New("connection refused")
)

// registryAt returns the registry that listens there.
func registryAt(t testing.TB, address string) *consul.Client {
	t.Helper()
	return registryOf(t, address, consul.Config{})
}

func registryOf(t testing.TB, address string, cfg consul.Config) *consul.Client {
	t.Helper()
	registry, err := consul.New(&api.Config{Address: address}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.CloseIdleConnections)
	return registry
}
