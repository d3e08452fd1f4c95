package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// processorTime returns the processor time that the threads of a process have
// used.
func processorTime(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	if len(threads) == 0 {
		return 0, fmt.Errorf("process %d is gone", pid)
	}
	var total time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		var used time.Duration // nanoseconds, the first of three numbers
		if _, err := fmt.Sscan(string(text), &used); err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		total += used
	}
	return total, nil
}

// settle waits until a process has been all but idle for a moment: it has
// taken in what was sent to it.
func settle(ctx context.Context, pid int) error {
	const (
		moment = 300 * time.Millisecond
		idle   = 15 * time.Millisecond
	)
	last, err := processorTime(pid)
	for err == nil {
		if err := pause(ctx, moment); err != nil {
			return fmt.Errorf("wait for process %d to settle: %w", pid, err)
		}
		var now time.Duration
		if now, err = processorTime(pid); err == nil && now-last <= idle {
			return nil
		}
		last = now
	}
	return err
}
