package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// clients is how many connections ask at once where nothing else is said.
const clients = 16

// ratePeriod is how long a rate is watched.
const ratePeriod = 2 * time.Second

// throughput returns how many times a second the clients together get an
// answer, over the period, and how many they got. request gives the bytes of
// the n-th request of all, from 0; it is called concurrently.
func throughput(ctx context.Context, address string, clients int, period time.Duration, request func(n uint64) []byte) (rate float64, answered uint64, err error) {
	start := time.Now()
	answered, err = drive(ctx, address, clients, func(conn *connection, n uint64) (bool, error) {
		if time.Since(start) >= period {
			return false, nil
		}
		_, err := conn.do(request(n))
		return true, err
	})
	return float64(answered) / time.Since(start).Seconds(), answered, err
}

// sendAll lets the clients together send count requests.
func sendAll(ctx context.Context, address string, count uint64, request func(n uint64) []byte) error {
	_, err := drive(ctx, address, clients, func(conn *connection, n uint64) (bool, error) {
		if n >= count {
			return false, nil
		}
		_, err := conn.do(request(n))
		return true, err
	})
	return err
}

// drive lets clients, each with a connection of its own, take turns until they
// say that they are done; n counts the turns of all. It returns how many were
// taken.
func drive(ctx context.Context, address string, clients int, turn func(conn *connection, n uint64) (more bool, err error)) (uint64, error) {
	group, ctx := errgroup.WithContext(ctx)
	var begun, taken atomic.Uint64
	for number := range clients {
		group.Go(func() error {
			conn, err := connect(ctx, address)
			if err != nil {
				return err
			}
			conn.number = uint64(number)
			defer conn.net.Close()
			for {
				more, err := turn(conn, begun.Add(1)-1)
				if err != nil || !more {
					return err
				}
				taken.Add(1)
			}
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("%d clients: %w", clients, err)
	}
	return taken.Load(), nil
}
