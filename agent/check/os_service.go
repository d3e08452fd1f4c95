package check

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/realjf/muster/agent/state"
)

// unitProbe asks systemd how one of its units is: one that is active is
// passing, one that has ended is critical, and one that is on its way is
// warning.
type unitProbe struct {
	unit    string
	timeout time.Duration
	output  int // bytes that are kept
}

func newOSService(_ *Runner, d Definition) prober {
	return &unitProbe{d.OSService, d.Timeout, d.OutputMaxSize}
}

func (p *unitProbe) probe(ctx context.Context) Result {
	output := newTail(p.output)
	_, err := run(ctx, []string{"systemctl", "is-active", "--", p.unit}, output)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Result{state.Critical, fmt.Sprintf("Timed out (%s) running check", p.timeout)}
	case errors.Is(err, exec.ErrNotFound):
		return Result{state.Critical, "There is no systemd here to ask for services: " + err.Error()}
	case err != nil:
		return Result{state.Critical, err.Error()}
	default:
		return unitResult(p.unit, strings.TrimSpace(output.String()))
	}
}

// unitResult returns what the word of systemctl is-active means for a unit. What
// is no such word is why it could not say (for one, the machine was not started
// by systemd).
func unitResult(unit, word string) Result {
	switch word {
	case "active":
		return Result{state.Passing, fmt.Sprintf("Service %q is healthy", unit)}
	case "activating", "deactivating", "reloading", "refreshing", "maintenance":
		return Result{state.Warning, "service status: " + word}
	case "inactive", "failed":
		return Result{state.Critical, fmt.Sprintf("service status: %s - OS Service unhealthy", word)}
	default:
		return Result{state.Critical, fmt.Sprintf("systemd does not say how %q is: %s", unit, word)}
	}
}
