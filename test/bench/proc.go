package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// residentMiB returns the memory that a process holds. It reads /proc, so the
// benchmark runs on Linux only.
func residentMiB(pid int) (float64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", path)
}

// processorTicks returns the processor time that a process has used, in the
// kernel's ticks.
func processorTicks(pid int) (uint64, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses and may hold spaces.
	_, fields, _ := strings.Cut(string(text), ") ")
	var state string
	var skip int64
	var user, system uint64
	if _, err := fmt.Sscan(fields, &state, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return user + system, nil
}

// settle waits until a process has been all but idle for a moment: it has
// taken in what was sent to it.
func settle(ctx context.Context, pid int) error {
	const (
		moment = 300 * time.Millisecond
		idle   = 1 // ticks of 10 ms each
	)
	tick := time.NewTicker(moment)
	defer tick.Stop()
	last, err := processorTicks(pid)
	for err == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for process %d to settle: %w", pid, ctx.Err())
		case <-tick.C:
		}
		var now uint64
		if now, err = processorTicks(pid); err == nil && now-last <= idle {
			return nil
		}
		last = now
	}
	return err
}
