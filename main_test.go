package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asProgram makes this test program be muster.
const asProgram = "MUSTER_TEST_AS_PROGRAM"

// TestProgram is no test: the tests below start it as muster.
func TestProgram(*testing.T) {
	arguments := os.Getenv(asProgram)
	if arguments == "" {
		return
	}
	os.Args = append([]string{"muster"}, strings.Fields(arguments)...)
	main()
}

// program starts muster and returns the lines of its log. The test ends it.
func program(t *testing.T, arguments string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProgram$")
	cmd.Env = append(os.Environ(), asProgram+"="+arguments)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(log)
}

// await reads the log until a line holds part.
func await(t *testing.T, log *bufio.Scanner, part string) {
	t.Helper()
	for log.Scan() {
		if strings.Contains(log.Text(), part) {
			return
		}
	}
	t.Fatalf("the log ended before it said %q", part)
}

func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

const alone = "serve -registry embedded -consul.port 0 -service.port 0"

func TestFirstSignalEndsCleanly(t *testing.T) {
	cmd, log := program(t, alone)
	await(t, log, "registered")
	interrupt(t, cmd)
	await(t, log, "msg=left")
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want exit code 0", err)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	cmd, log := program(t, alone)
	await(t, log, "registered")
	interrupt(t, cmd)
	await(t, log, "leaving")
	interrupt(t, cmd)
	for log.Scan() {
		if strings.Contains(log.Text(), "msg=left") {
			t.Error("it left in its own time")
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
}
