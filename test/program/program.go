// Package program runs the programs of a whole-system test or benchmark as
// real child processes: start one, wait until it is ready, signal it, wait for
// its end, read what it printed.
//
// It refuses to know what the programs do, to restart one that died, and to
// hide how one ended. It does not use the testing package, so that benchmarks
// can use it too.
package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Spec says what to run.
type Spec struct {
	Name string   // what error messages and output call it
	Path string   // the executable
	Args []string // without the executable's name
	Env  []string // KEY=VALUE, added to this process's environment; see Start
}

// Program is a child process, running or ended. Its methods may be called
// concurrently.
type Program struct {
	name string
	cmd  *exec.Cmd
	out  transcript
	done chan struct{} // closed when the process has ended and been reaped
}

// Start starts the program that spec names. The child does not see the
// CONSUL_ variables of this process, so that a developer's own settings cannot
// lead it to another registry. Whoever starts a program must End it.
func Start(spec Spec) (*Program, error) {
	p := &Program{name: spec.Name, cmd: exec.Command(spec.Path, spec.Args...), done: make(chan struct{})}
	p.cmd.Env = append(environment(), spec.Env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	// Ends when the process does, which End brings about and waits for. Wait's
	// error is the exit status, which ProcessState keeps.
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// environment returns this process's environment without Consul's variables.
func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CONSUL_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// Name returns the name that the program was started with.
func (p *Program) Name() string { return p.name }

// PID returns the process id. It stays reserved until the program has ended.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Output returns everything that the program has printed so far, standard
// output and standard error as they came.
func (p *Program) Output() string { return p.out.String() }

// Ended reports whether the program has ended.
func (p *Program) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends sig to the program. It is an error when the program has ended.
func (p *Program) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Wait blocks until the program ends and returns its exit code, which is -1
// when a signal ended it. The error is ctx's when that ends first.
func (p *Program) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %s to end: %w", p.name, context.Cause(ctx))
	}
}

// Await polls probe until it gives no error. It gives up when ctx ends or the
// program does; the error then says what probe last said, and what the program
// printed.
func (p *Program) Await(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	// Ends when Await returns; nobody needs to wait for it.
	go func() {
		select {
		case <-p.done:
			cancel(fmt.Errorf("%s has ended: %s", p.name, p.cmd.ProcessState))
		case <-stop:
		}
	}()
	if err := Until(ctx, probe); err != nil {
		return fmt.Errorf("%s is not ready: %w\n%s", p.name, err, p.Output())
	}
	return nil
}

// Dump has a running program of Go's print what each of its goroutines does, and
// ends it with that. It waits for no longer than ctx.
func (p *Program) Dump(ctx context.Context) error {
	if err := p.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_, err := p.Wait(ctx)
	return err
}

// End kills the program (as kill -9 does) if it still runs and waits until it
// is gone. It may be called again.
func (p *Program) End() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}
