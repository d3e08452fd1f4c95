package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

// systemctl is the name under which the test's own binary plays it.
const systemctl = "systemctl"

// beSystemctl answers as systemctl does for a unit -ssh that has failed.
func beSystemctl(args []string) {
	if strings.Join(args, " ") != "is-active -- -ssh" {
		fmt.Println("asked for", args)
		os.Exit(1)
	}
	fmt.Println("failed")
	os.Exit(3)
}

func TestUnitResult(t *testing.T) {
	for word, want := range map[string]Result{
		"active":       {state.Passing, `Service "ssh" is healthy`},
		"activating":   {state.Warning, "service status: activating"},
		"deactivating": {state.Warning, "service status: deactivating"},
		"reloading":    {state.Warning, "service status: reloading"},
		"inactive":     {state.Critical, "service status: inactive - OS Service unhealthy"},
		"failed":       {state.Critical, "service status: failed - OS Service unhealthy"},
		"Failed to connect to bus: Host is down": {state.Critical,
			`systemd does not say how "ssh" is: Failed to connect to bus: Host is down`},
	} {
		if got := unitResult("ssh", word); got != want {
			t.Errorf("%s: got %+v, want %+v", word, got, want)
		}
	}
}

// TestOSServiceProbe: systemctl is asked for the unit, whatever its name, and
// its absence is told.
func TestOSServiceProbe(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	probe := Definition{OSService: "-ssh"}
	if got := probe.probe(t.Context()); got.Status != state.Critical || !strings.HasPrefix(got.Output, "There is no systemd here") {
		t.Errorf("without systemd: got %+v", got)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(folder, systemctl)); err != nil {
		t.Fatal(err)
	}
	want := Result{state.Critical, "service status: failed - OS Service unhealthy"}
	if got := probe.probe(t.Context()); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
