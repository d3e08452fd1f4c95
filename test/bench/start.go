package main

import (
	"context"
	"fmt"
	"time"

	"github.com/realjf/muster/test/registry"
)

// firstRegistration measures how soon a new registry is of use.
func firstRegistration(ctx context.Context, r *registry.Registry) (float64, error) {
	request := register(instance("web", 1, ""))
	start := time.Now()
	if err := r.Launch(); err != nil {
		return 0, err
	}
	// Finer than program.Until: what is measured is a few milliseconds.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := once(ctx, r.Address(), request)
		if err == nil {
			return milliseconds(time.Since(start)), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%w; last seen: %w\n%s", ctx.Err(), err, r.Program().Output())
		case <-tick.C:
		}
	}
}

// once sends a request over a connection of its own.
func once(ctx context.Context, address string, request []byte) error {
	conn, err := connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.net.Close()
	_, err = conn.do(request)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
