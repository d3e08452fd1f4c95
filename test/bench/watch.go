package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/realjf/muster/test/registry"
	"golang.org/x/sync/errgroup"
)

const (
	readers = 1000
	changes = 5
)

// lastReader measures how soon everybody knows of a change.
func lastReader(ctx context.Context, r *registry.Registry) (float64, error) {
	if _, err := fifty.fill(ctx, r); err != nil {
		return 0, err
	}
	crowd, err := gather(ctx, r.Address())
	if err != nil {
		return 0, err
	}
	var took []float64
	for change := range changes {
		d, err := crowd.hear(ctx, r, strconv.Itoa(change))
		if err != nil {
			return 0, fmt.Errorf("change %d: %w", change, err)
		}
		took = append(took, milliseconds(d))
	}
	return median(took), nil
}

// crowd is the readers: a connection each, and the index each has seen.
type crowd struct {
	conns [readers]*connection
	seen  [readers]uint64
}

// gather connects the readers and lets each read once.
func gather(ctx context.Context, address string) (*crowd, error) {
	var c crowd
	for i := range c.conns {
		conn, err := connect(ctx, address)
		if err != nil {
			return nil, err
		}
		first, err := conn.do(get(question(0)))
		if err != nil {
			return nil, err
		}
		c.conns[i], c.seen[i] = conn, first.index
	}
	return &c, nil
}

func question(index uint64) string {
	return fmt.Sprintf("/v1/health/service/%s?passing&wait=5m&index=%d", fifty.name, index)
}

// hear lets every reader block, changes an instance and returns the time from
// sending the change until the last reader has its answer.
func (c *crowd) hear(ctx context.Context, r *registry.Registry, version string) (time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	heard := make([]time.Time, readers)
	for i, conn := range c.conns {
		group.Go(func() error {
			a, err := conn.do(get(question(c.seen[i])))
			heard[i], c.seen[i] = time.Now(), a.index
			return err
		})
	}
	var sent time.Time
	group.Go(func() error {
		if err := settle(ctx, r.Program().PID()); err != nil {
			return err
		}
		request := put("/v1/agent/service/register", instance(fifty.name, 0, version))
		sent = time.Now()
		return once(ctx, r.Address(), request)
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	var last time.Duration
	for i := range heard {
		if heard[i].Before(sent) {
			return 0, fmt.Errorf("reader %d was answered before the change", i)
		}
		last = max(last, heard[i].Sub(sent))
	}
	return last, nil
}
