package command

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// garbagePercent is how much a registry of its own lets its heap grow before
// it collects, unless GOGC says otherwise. Its state is many small objects
// that live long, and every write makes some more: twice Go's default takes a
// third off the time of a registration. What it costs in memory is given back
// at rest.
const garbagePercent = 200

// ownMemory makes the process use memory as a registry of its own does, until
// the function that it returns is called.
func ownMemory() (stop func()) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() { returnAtRest(ctx) })
	return func() {
		cancel()
		watch.Wait()
	}
}

// returnAtRest gives memory back to the system whenever the process has rested
// for a moment and a collection would free much, until ctx ends. Go by itself
// collects when the heap has grown enough, which may be never, or after two
// minutes.
func returnAtRest(ctx context.Context) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	before := readHeap()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := readHeap()
		if now.restedSince(before) {
			debug.FreeOSMemory()
		}
		before = now
	}
}

// heap is what a process has allocated since it began, and what it holds of
// that, in bytes.
type heap struct {
	allocated uint64
	live      uint64 // when it last collected
	held      uint64 // live, and what came since
	free      uint64 // nothing is there, and the system does not know
}

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()}
}

// restedSince reports whether next to nothing was allocated since before, and
// a collection would free much, as seen against what it has to look at.
func (now heap) restedSince(before heap) bool {
	const (
		little = 1 << 20
		much   = 4 << 20
	)
	gain := now.held - min(now.live, now.held) + now.free
	return now.allocated-before.allocated < little && gain > max(much, now.live/4)
}
