package check

import (
	"context"
	"io"
	"os"
	"os/exec"
	"time"
)

// leftover is how long what a command started may go on writing to its output
// after the command itself has ended.
const leftover = time.Second

// run runs a command and returns how it ended: with nil and its exit code, or
// with why it could not be run or had no end before ctx. What it and its
// children say goes to output. Nothing of it stays that held the output: a
// command that is cut off takes all of its process group along, as do children
// that write on after it.
func run(ctx context.Context, args []string, output io.Writer) (code int, err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) // #nosec G204 -- only where script checks are allowed
	cmd.WaitDelay = leftover
	asGroup(cmd)
	// A pipe of our own, since Cmd would not say who keeps it open.
	reader, writer, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	_ = writer.Close() // the command has its own end of it
	if err != nil {
		return 0, err
	}
	said := make(chan struct{})
	go func() { // ends when nobody holds the pipe any more, or it is closed; awaited below
		defer close(said)
		_, _ = io.Copy(output, reader)
	}()
	_ = cmd.Wait() // what it says is in the state of the process
	late := time.NewTimer(leftover)
	defer late.Stop()
	select {
	case <-said:
	case <-late.C:
		_ = killGroup(cmd) // they may have ended just now
	case <-ctx.Done():
		_ = killGroup(cmd) // they may have ended just now
	}
	_ = reader.Close() // whoever is left in no group of ours writes to nobody
	<-said
	if cmd.ProcessState.ExitCode() < 0 && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return cmd.ProcessState.ExitCode(), nil
}
