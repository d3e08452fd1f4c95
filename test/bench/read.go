package main

import (
	"context"
	"time"

	"github.com/realjf/muster/test/registry"
)

const readWarmUp = 300 * time.Millisecond

// reads measures how fast a question that many clients ask is answered.
func reads(q asked) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		if _, err := q.prepare(ctx, r); err != nil {
			return 0, err
		}
		if err := settle(ctx, r.Program().PID()); err != nil {
			return 0, err
		}
		request := get(q.path)
		ask := func(uint64) []byte { return request }
		if _, _, err := throughput(ctx, r.Address(), clients, readWarmUp, ask); err != nil {
			return 0, err
		}
		rate, _, err := throughput(ctx, r.Address(), clients, ratePeriod, ask)
		return rate, err
	}
}
