//go:build conformance

package announce_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/realjf/muster/test/registry"
)

// realConsul runs a Consul until the test ends, and returns its address.
func realConsul(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../.bin/consul")
	if err != nil {
		t.Fatal(err)
	}
	consul, err := registry.New(registry.Consul(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := consul.End(); err != nil {
			t.Errorf("end Consul: %v", err)
		}
	})
	if err := consul.Start(t.Context()); err != nil {
		t.Fatalf("start a real Consul (make consul builds it): %v", err)
	}
	return consul.Address()
}

func TestHeartbeatsOnConsul(t *testing.T) { heartbeats(t, realConsul(t)) }

func TestIDThatIsTakenOnConsul(t *testing.T) { takenID(t, realConsul(t)) }

func TestLostCheckOnConsul(t *testing.T) { lostCheck(t, realConsul(t), `web "1"`) }

// A Consul does not know its readers, and says so.
func TestToldOnConsul(t *testing.T) {
	consul := registryAt(t, realConsul(t))
	if told, err := consul.Told(t.Context(), "web", time.Second); told || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v, %v", told, err)
	}
}

func TestMaintenanceOnConsul(t *testing.T) { maintenance(t, realConsul(t)) }

func TestComeBackOnConsul(t *testing.T) { comeBack(t, realConsul(t)) }

func TestVerdictOnConsul(t *testing.T) { verdict(t, realConsul(t), 5*time.Second) }
