package balance

import (
	"math"
	"sync/atomic"
	"time"
)

// latency is how long calls take: a moving average that follows a rise at once
// and a fall slowly, as Finagle's Peak EWMA does.
type latency struct {
	average atomic.Int64 // in nanoseconds; 0 when nothing is known
	at      atomic.Int64 // of the latest observation, on the load's clock
}

const (
	// latencyMemory is after how long an observation counts a third.
	latencyMemory = 10 * time.Second
	// latencyLimit bounds what failures make of the average.
	latencyLimit = time.Minute
	// latencyForgotten is below what the average of an idle target means nothing.
	latencyForgotten = time.Microsecond
)

// observe takes over that a call took so long, and reports whether it was the
// first that is known of. A failed call counts as twice as slow as usual at the
// least: failing fast must not attract. Observations that come at the same
// instant may be lost, for the sake of speed.
func (l *latency) observe(took, now time.Duration, failed bool) (first bool) {
	was := time.Duration(l.average.Load())
	if failed {
		took = max(took, min(2*max(was, time.Millisecond), latencyLimit))
	}
	took = max(took, 1)
	if took < was {
		keep := fade(now - time.Duration(l.at.Load()))
		took = max(1, time.Duration(keep*float64(was)+(1-keep)*float64(took)))
	}
	l.at.Store(int64(now))
	l.average.Store(int64(took))
	return was == 0
}

// rest lets the average of a target that is not called sink, so that it is
// tried again, and reports whether anything is known still.
func (l *latency) rest(now time.Duration) (known bool) {
	was, at := l.average.Load(), l.at.Load()
	if was == 0 {
		return false
	}
	sunk := int64(fade(now-time.Duration(at)) * float64(was))
	if sunk < int64(latencyForgotten) {
		sunk = 0
	}
	if l.average.CompareAndSwap(was, sunk) {
		l.at.CompareAndSwap(at, int64(now))
	}
	return sunk > 0
}

// fade is what remains of the weight of what was known so long ago.
func fade(age time.Duration) float64 {
	return math.Exp(-float64(max(age, 0)) / float64(latencyMemory))
}
