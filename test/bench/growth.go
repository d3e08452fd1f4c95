package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/realjf/muster/test/registry"
	"github.com/realjf/muster/test/table"
)

// crowds are the numbers of instances between which growth is measured.
var crowds = []uint64{1_000, 10_000, 100_000}

// growth returns how the time of something depends on the number of instances
// that are there: the exponent e of time = c * number^e, by least squares.
func growth(timeOf func(*connection) (time.Duration, error)) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		var numbers, times []float64
		there := uint64(0)
		for _, number := range crowds {
			missing := number - there
			if err := sendAll(ctx, r.Address(), missing, func(n uint64) []byte { return register(anyInstance(there + n)) }); err != nil {
				return 0, err
			}
			there = number
			if err := settle(ctx, r.Program().PID()); err != nil {
				return 0, err
			}
			conn, err := connect(ctx, r.Address())
			if err != nil {
				return 0, err
			}
			took, err := timeOf(conn)
			_ = conn.net.Close()
			if err != nil {
				return 0, err
			}
			numbers, times = append(numbers, math.Log(float64(number))), append(times, math.Log(float64(took)))
		}
		return slope(numbers, times), nil
	}
}

// slope returns the slope of the line through points, by least squares.
func slope(x, y []float64) float64 {
	var sumX, sumY, sumXX, sumXY float64
	for i := range x {
		sumX, sumY, sumXX, sumXY = sumX+x[i], sumY+y[i], sumXX+x[i]*x[i], sumXY+x[i]*y[i]
	}
	n := float64(len(x))
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}

// samples is how often something is timed.
const samples = 2000

// registrationTime is the median time of the registration of an instance that
// changes.
func registrationTime(conn *connection) (time.Duration, error) {
	return medianTime(conn, nil, timedInstance)
}

// readTime is the median time of reading ten instances one of which has
// changed since it was read last.
func readTime(conn *connection) (time.Duration, error) {
	request := get("/v1/health/service/timed?passing")
	return medianTime(conn, timedInstance, func(uint64) []byte { return request })
}

// timedInstance registers one of ten instances, never as it was.
func timedInstance(n uint64) []byte { return register(instance("timed", n%10, fmt.Sprint(n))) }

// medianTime returns the median time of requests, before each of which another
// is sent; nil means none.
func medianTime(conn *connection, before, request func(n uint64) []byte) (time.Duration, error) {
	var took []float64
	for n := range uint64(samples) {
		if before != nil {
			if _, err := conn.do(before(n)); err != nil {
				return 0, err
			}
		}
		bytes := request(n)
		start := time.Now()
		if _, err := conn.do(bytes); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(start)))
	}
	return time.Duration(table.Median(took)), nil
}
