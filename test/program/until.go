package program

import (
	"context"
	"fmt"
	"time"
)

// pollEvery is how long Until rests between two probes: short beside the
// seconds that are measured, long enough to leave the processor to others.
const pollEvery = 10 * time.Millisecond

// Until polls probe until it gives no error. When ctx ends first, the error
// says why ctx ended and what the last complete probe said.
func Until(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var last error
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		// A probe that ctx cut short says nothing about the program.
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last seen: %w", context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
