package main

import (
	"context"
	"os"
	"time"

	"github.com/realjf/muster/test/registry"
)

// rest is how long a registry is left alone before it is looked at.
const rest = 10 * time.Second

// pause lets the time pass.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// memoryAtRest measures what an empty registry holds.
func memoryAtRest(ctx context.Context, r *registry.Registry) (float64, error) {
	return memoryFilled(0)(ctx, r)
}

// memoryFilled measures what a registry of so many instances holds.
func memoryFilled(instances uint64) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		if err := arrive(ctx, r, instances); err != nil {
			return 0, err
		}
		if err := pause(ctx, rest); err != nil {
			return 0, err
		}
		return residentMiB(r.Program().PID())
	}
}

// memoryOfOne measures, in KiB, what each of so many instances adds.
func memoryOfOne(instances uint64) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		empty, err := memoryAtRest(ctx, r)
		if err != nil {
			return 0, err
		}
		full, err := memoryFilled(instances)(ctx, r)
		return (full - empty) * 1024 / float64(instances), err
	}
}

// processorAtRest measures what an empty registry does, in milliseconds of
// processor time a second.
func processorAtRest(ctx context.Context, r *registry.Registry) (float64, error) {
	if err := pause(ctx, rest); err != nil {
		return 0, err
	}
	before, err := processorTime(r.Program().PID())
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := pause(ctx, rest); err != nil {
		return 0, err
	}
	after, err := processorTime(r.Program().PID())
	return milliseconds(after-before) / time.Since(start).Seconds(), err
}

// binarySize measures the program's file.
func binarySize(_ context.Context, r *registry.Registry) (float64, error) {
	file, err := os.Stat(r.Path)
	if err != nil {
		return 0, err
	}
	return float64(file.Size()) / (1 << 20), nil
}
