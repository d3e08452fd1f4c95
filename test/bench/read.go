package main

import (
	"context"
	"time"

	"github.com/realjf/muster/test/registry"
)

const (
	readWarmUp = 300 * time.Millisecond
	readPeriod = 2 * time.Second
)

// reads measures how fast the question that every client asks is answered.
func reads(ctx context.Context, r *registry.Registry) (float64, error) {
	if _, err := hundred.fill(ctx, r); err != nil {
		return 0, err
	}
	if err := settle(ctx, r.Program().PID()); err != nil {
		return 0, err
	}
	request := get("/v1/health/service/" + hundred.name + "?passing")
	ask := func(uint64) []byte { return request }
	if _, err := throughput(ctx, r.Address(), readWarmUp, ask); err != nil {
		return 0, err
	}
	return throughput(ctx, r.Address(), readPeriod, ask)
}
