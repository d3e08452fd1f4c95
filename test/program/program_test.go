package program_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/test/program"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shell starts a small program: a line of sh.
func shell(t *testing.T, script string) *program.Program {
	t.Helper()
	p, err := program.Start(program.Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.End(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitGivesTheExitCodeAndOutputBothStreams(t *testing.T) {
	p := shell(t, "echo one; echo two >&2; exit 3")
	code, err := p.Wait(within(t, 10*time.Second))
	if err != nil || code != 3 {
		t.Errorf("Wait() = %d, %v; want 3", code, err)
	}
	if got, want := p.Output(), "one\ntwo\n"; got != want {
		t.Errorf("Output() = %q, want %q", got, want)
	}
	if err := p.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal() after the end = %v, want ErrProcessDone", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	p := shell(t, "exec sleep 60")
	if _, err := p.Wait(within(t, 10*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait() = %v, want DeadlineExceeded", err)
	}
	if p.Ended() {
		t.Error("Ended() = true while the program sleeps")
	}
}

func TestEndKillsAndWaits(t *testing.T) {
	p := shell(t, "exec sleep 60")
	for range 2 {
		if err := p.End(); err != nil {
			t.Fatal(err)
		}
	}
	if code, err := p.Wait(t.Context()); err != nil || code != -1 {
		t.Errorf("Wait() = %d, %v; want -1 for a killed program", code, err)
	}
}

func TestAwaitGivesUpWhenTheProgramEnds(t *testing.T) {
	p := shell(t, "echo cannot listen; exit 1")
	err := p.Await(within(t, 10*time.Second), func(context.Context) error { return errors.New("connection refused") })
	if err == nil {
		t.Fatal("Await() gave no error for a program that ended")
	}
	for _, want := range []string{"exit status 1", "connection refused", "cannot listen"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Await() = %q, want it to say %q", err, want)
		}
	}
}

func TestStartHidesConsulsVariables(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "elsewhere:8500")
	p := shell(t, `echo "[$CONSUL_HTTP_ADDR]"`)
	if _, err := p.Wait(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Output(), "[]\n"; got != want {
		t.Errorf("the child sees %q, want %q", got, want)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for range 10 {
		port, err := program.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Errorf("port %d was handed out twice", port)
		}
		seen[port] = true
	}
}
