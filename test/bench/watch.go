package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/realjf/muster/test/registry"
	"github.com/realjf/muster/test/table"
	"golang.org/x/sync/errgroup"
)

// How many changes one reader is shown, and many readers are.
const (
	changesOfOne  = 15
	changesOfMany = 5
)

// lastReader measures how soon all of so many readers know of a change.
func lastReader(readers int) func(context.Context, *registry.Registry) (float64, error) {
	changes := changesOfMany
	if readers == 1 {
		changes = changesOfOne
	}
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		crowd, err := gather(ctx, r, readers)
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
		return table.Median(took), nil
	}
}

// memoryBlocked measures what a registry holds while so many readers wait.
func memoryBlocked(readers int) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		crowd, err := gather(ctx, r, readers)
		if err != nil {
			return 0, err
		}
		for i, conn := range crowd.conns {
			if _, err := conn.net.Write(get(question(crowd.seen[i]))); err != nil {
				return 0, err
			}
		}
		if err := pause(ctx, rest); err != nil {
			return 0, err
		}
		return residentMiB(r.Program().PID())
	}
}

// crowd is readers: a connection each, and the index each has seen.
type crowd struct {
	conns []*connection
	seen  []uint64
}

// gather fills the service that is read, connects the readers and lets each
// read once.
func gather(ctx context.Context, r *registry.Registry, readers int) (*crowd, error) {
	if _, err := fiftyHealthy.prepare(ctx, r); err != nil {
		return nil, err
	}
	address := r.Address()
	c := crowd{conns: make([]*connection, readers), seen: make([]uint64, readers)}
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
	return fmt.Sprintf("%s&wait=5m&index=%d", fiftyHealthy.path, index)
}

// hear lets every reader block, changes an instance and returns the time from
// sending the change until the last reader has its answer.
func (c *crowd) hear(ctx context.Context, r *registry.Registry, version string) (time.Duration, error) {
	writer, err := connect(ctx, r.Address())
	if err != nil {
		return 0, err
	}
	defer writer.net.Close()
	group, ctx := errgroup.WithContext(ctx)
	heard := make([]time.Time, len(c.conns))
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
		request := register(instance("fifty", 0, version))
		sent = time.Now()
		_, err := writer.do(request)
		return err
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
