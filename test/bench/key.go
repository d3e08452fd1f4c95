package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/realjf/muster/test/registry"
)

// keys is how many keys are used in turn.
const keys = 1000

// keyPut returns the bytes that give a key a value of 100 bytes.
func keyPut(key, n uint64) []byte {
	return put(fmt.Sprintf("/v1/kv/config/app/%d", key), append(bytes.Repeat([]byte("v"), 80), fmt.Sprintf("%020d", n)...))
}

func keyGet(key uint64) []byte { return get(fmt.Sprintf("/v1/kv/config/app/%d", key)) }

// keyPuts measures how fast keys get new values.
func keyPuts(ctx context.Context, r *registry.Registry) (float64, error) {
	rate, _, err := throughput(ctx, r.Address(), clients, ratePeriod, func(n uint64) []byte { return keyPut(n%keys, n) })
	return rate, err
}

// keyGets measures how fast they are read.
func keyGets(ctx context.Context, r *registry.Registry) (float64, error) {
	if err := sendAll(ctx, r.Address(), keys, func(n uint64) []byte { return keyPut(n, n) }); err != nil {
		return 0, err
	}
	rate, _, err := throughput(ctx, r.Address(), clients, ratePeriod, func(n uint64) []byte { return keyGet(n % keys) })
	return rate, err
}

// keySwaps measures how fast clients read a key and change what they read, each
// a key of its own.
func keySwaps(ctx context.Context, r *registry.Registry) (float64, error) {
	if err := sendAll(ctx, r.Address(), clients, func(n uint64) []byte { return keyPut(n, n) }); err != nil {
		return 0, err
	}
	start := time.Now()
	pairs, err := drive(ctx, r.Address(), clients, func(conn *connection, n uint64) (bool, error) {
		if time.Since(start) >= ratePeriod {
			return false, nil
		}
		read, err := conn.do(keyGet(conn.number))
		if err != nil {
			return false, err
		}
		swapped, err := conn.do(put(fmt.Sprintf("/v1/kv/config/app/%d?cas=%d", conn.number, read.index), fmt.Appendf(nil, "%0100d", n)))
		if err == nil && swapped.length != len("true") {
			err = fmt.Errorf("key %d was not at index %d", conn.number, read.index)
		}
		return true, err
	})
	return float64(pairs) / time.Since(start).Seconds(), err
}
