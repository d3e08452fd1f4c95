package check

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/agent/state"
)

// asScript makes the test's own binary a script of a check: there is no other
// program that every machine has.
const asScript = "as-script"

// beScript does what the arguments of a script say, and ends.
func beScript(args []string) {
	hold := func(address string) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			os.Exit(9)
		}
		fmt.Println("held")
		_, _ = conn.Write([]byte{1})
		_, _ = io.Copy(io.Discard, conn) // until the test ends, or this is killed
	}
	child := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], asScript, "hang", args[1])
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			os.Exit(9)
		}
		return cmd
	}
	switch args[0] {
	case "exit":
		fmt.Print("on stdout. ")
		fmt.Fprint(os.Stderr, "on stderr.")
		code, _ := strconv.Atoi(args[1])
		os.Exit(code)
	case "die":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	case "hang":
		hold(args[1])
	case "orphan": // ends, and leaves somebody behind who holds the output
		child()
	case "family": // has a child, and both hang
		child()
		hold(args[1])
	case "flood":
		out := bufio.NewWriterSize(os.Stdout, 1<<16)
		block := strings.Repeat("all work and no play\n", 1000)
		total, _ := strconv.Atoi(args[1])
		for written := 0; written < total; written += len(block) {
			if _, err := out.WriteString(block); err != nil {
				os.Exit(9)
			}
		}
		fmt.Fprint(out, "the end")
		_ = out.Flush()
	}
	os.Exit(0)
}

// script returns a check that runs the test's own binary.
func script(timeout time.Duration, args ...string) Definition {
	return Definition{
		ScriptArgs: append([]string{os.Args[0], asScript}, args...), Interval: time.Second, Timeout: timeout, OutputMaxSize: DefaultOutputSize,
	}
}

func TestScriptProbe(t *testing.T) {
	folder := t.TempDir()
	for _, tc := range []struct {
		name       string
		definition Definition
		want       state.Status
		output     string // all of it, or with ~ before it a part
	}{
		{"0", script(time.Minute, "exit", "0"), state.Passing, "on stdout. on stderr."},
		{"1", script(time.Minute, "exit", "1"), state.Warning, "on stdout. on stderr."},
		{"2", script(time.Minute, "exit", "2"), state.Critical, "on stdout. on stderr."},
		{"killed", script(time.Minute, "die"), state.Critical, ""},
		{"nothing there", Definition{ScriptArgs: []string{"no-such-program-at-all"}}, state.Critical, `exec: "no-such-program-at-all": executable file not found in $PATH`},
		{"no program", Definition{ScriptArgs: []string{folder}}, state.Critical, "~" + folder},
	} {
		got := newScript(nil, tc.definition).probe(t.Context())
		part, isPart := strings.CutPrefix(tc.output, "~")
		if got.Status != tc.want || isPart && !strings.Contains(got.Output, part) || !isPart && got.Output != tc.output {
			t.Errorf("%s: got %+v, want %s and %q", tc.name, got, tc.want, tc.output)
		}
	}
}

// holders takes the connections of scripts that hang.
func holders(t *testing.T) (address string, held <-chan net.Conn) {
	t.Helper()
	listener := listen(t)
	conns := make(chan net.Conn)
	go func() { // ends with the listener
		defer close(conns)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			conns <- conn
		}
	}()
	return listener.Addr().String(), conns
}

// expectDeath waits until whoever holds the connection is dead.
func expectDeath(t *testing.T, held net.Conn) {
	t.Helper()
	defer held.Close()
	if _, err := held.Read(make([]byte, 1)); err == nil {
		t.Error("a script that hangs spoke")
	}
}

func TestScriptIsCutOffWithItsChildren(t *testing.T) {
	t.Parallel()
	address, held := holders(t)
	ctx := newDeadline(t)
	result := make(chan Result)
	go func() { result <- newScript(nil, script(time.Hour, "family", address)).probe(ctx) }() // ends with ctx; awaited below
	parent, child := <-held, <-held
	ctx.pass()
	got := <-result
	if got.Status != state.Critical || !strings.HasPrefix(got.Output, "Timed out (1h0m0s) running check") {
		t.Errorf("got %+v", got)
	}
	expectDeath(t, parent)
	expectDeath(t, child)
}

func TestStoppedScriptEndsWithItsChildren(t *testing.T) {
	t.Parallel()
	address, held := holders(t)
	running := newRunning(t)
	task := running.Start(script(time.Hour, "family", address), func(r Report) { t.Errorf("a stopped check reported %+v", r) })
	parent, child := <-held, <-held
	task.Stop()
	expectDeath(t, parent)
	expectDeath(t, child)
}

func TestWhatAScriptLeavesBehindEnds(t *testing.T) {
	t.Parallel()
	address, held := holders(t)
	result := make(chan Result)
	go func() { result <- newScript(nil, script(time.Hour, "orphan", address)).probe(t.Context()) }() // ends by itself; awaited below
	child := <-held
	if got := <-result; got.Status != state.Passing {
		t.Errorf("got %+v: it is how the script ended that counts", got)
	}
	expectDeath(t, child)
}
