//go:build !windows

package check

import (
	"os/exec"
	"syscall"
)

// asGroup makes a command begin a process group, which ends with its context.
func asGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

// killGroup ends all that is left of the group of a command that was started.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
