package announce_test

import (
	"errors"
	"testing"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Consul's client is all that a registry may be.
var _ interface {
	announce.Registry
	announce.Reporter
	announce.Inspector
	announce.Examiner
	announce.Maintainer
	announce.Locator
} = (*consul.Client)(nil)

// ownerKey is the key of the meta that says whose a registration is.
const ownerKey = "muster-owner"

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

// onHeal calls told each time that a registration was put back, with what had
// been wrong.
func onHeal(told func(cause error)) func(before, now announce.Standing, cause error) {
	var wrong error
	return func(before, now announce.Standing, cause error) {
		switch {
		case now == announce.Healing:
			wrong = cause
		case before == announce.Healing && now == announce.Registered:
			told(wrong)
		}
	}
}
