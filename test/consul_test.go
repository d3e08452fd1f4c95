//go:build conformance

package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/realjf/muster/test/registry"
)

// consulProgram returns the path of the real Consul. Without it a test fails:
// whoever asks for conformance must not get less without being told.
func consulProgram(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../.bin/consul")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no real Consul to test with; run make consul: %v", err)
	}
	return path
}

func TestBusyConsul(t *testing.T) { tell(t, true, registry.Consul(consulProgram(t))) }

func TestNamesFollowHealthInConsul(t *testing.T) {
	t.Parallel()
	namesFollowHealth(newScene(t, registry.Consul(consulProgram(t))))
}

func TestConsul(t *testing.T) {
	t.Parallel()
	tell(t, false, registry.Consul(consulProgram(t)))
}
