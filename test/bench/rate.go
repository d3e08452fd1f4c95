package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// clients is how many connections ask at once where throughput is measured.
const clients = 16

// throughput returns how many times a second the clients together get an
// answer, over the period. request gives the bytes of the n-th request of all;
// it is called concurrently.
func throughput(ctx context.Context, address string, period time.Duration, request func(n uint64) []byte) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	var asked, answered atomic.Uint64
	start := time.Now()
	for range clients {
		group.Go(func() error {
			conn, err := connect(ctx, address)
			if err != nil {
				return err
			}
			for time.Since(start) < period {
				if _, err := conn.do(request(asked.Add(1))); err != nil {
					return err
				}
				answered.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("throughput: %w", err)
	}
	return float64(answered.Load()) / time.Since(start).Seconds(), nil
}
