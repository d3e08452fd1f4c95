package main

import (
	"context"
	"time"

	"github.com/realjf/muster/test/registry"
)

// rest is how long a registry is left alone before its memory is looked at.
const rest = 10 * time.Second

// memoryAtRest measures what an empty registry costs.
func memoryAtRest(ctx context.Context, r *registry.Registry) (float64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(rest):
	}
	return residentMiB(r.Program().PID())
}
