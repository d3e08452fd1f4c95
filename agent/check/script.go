package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realjf/muster/agent/state"
)

// scriptProbe runs a program, as Nagios does its plugins: exit code 0 is
// passing, 1 is warning, all else critical.
type scriptProbe struct {
	args    []string
	timeout time.Duration
	output  int // bytes that are kept
}

func newScript(_ *Runner, d Definition) prober {
	return &scriptProbe{d.ScriptArgs, d.Timeout, d.OutputMaxSize}
}

func (p *scriptProbe) probe(ctx context.Context) Result {
	output := newTail(p.output)
	code, err := run(ctx, p.args, output)
	said := output.Counted()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason := fmt.Sprintf("Timed out (%s) running check", p.timeout)
		if said != "" {
			reason += "\n\n" + said
		}
		return Result{state.Critical, reason}
	case err != nil:
		return Result{state.Critical, err.Error()}
	case code == 0:
		return Result{state.Passing, said}
	case code == 1:
		return Result{state.Warning, said}
	default:
		return Result{state.Critical, said}
	}
}
