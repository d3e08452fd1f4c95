package balance

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// latency is how long calls take: a moving average that follows a rise at once
// and a fall slowly, as Finagle's Peak EWMA does. The average and when it was
// made are one word, so that nobody sees one without the other.
type latency struct {
	word atomic.Uint64
	thin atomic.Uint32 // of 2 to the power of this many calls the time of one is taken
}

const (
	// latencyMemory is after how long an observation counts a third.
	latencyMemory = 10 * time.Second
	// latencyLimit bounds what failures make of the average.
	latencyLimit = time.Minute
	// latencyForgotten is below what the average of an idle target means nothing.
	latencyForgotten = time.Microsecond
	// latencyTick is how finely it is known when an average was made: about a
	// millisecond.
	latencyTick time.Duration = 1 << 20
	// latencyThinnest bounds how few calls are timed: one in 32.
	latencyThinnest = 5
)

// passes reports whether the time of a call is not taken, by its number: with
// the golden ratio those that are lie evenly, and keep step with nothing. The
// longest stretch of the thinnest without one is 54 calls.
func (l *latency) passes(number uint32) bool {
	const golden = 0x9e3779b9
	return number*golden>>(32-l.thin.Load()) != 0
}

// pace lets more calls pass or fewer, after one whose time was taken so long after
// the average was made: about two in a tick are enough, for of those that are
// faster than the average one counts.
func (l *latency) pace(age time.Duration) {
	is := l.thin.Load()
	due := uint32(max(0, int(is)-bits.Len(uint(age/latencyTick))))
	if age == 0 {
		due = min(is+1, latencyThinnest)
	}
	if due != is {
		l.thin.Store(due)
	}
}

// watch has the time of every call taken, until it shows again that they are many.
func (l *latency) watch() {
	if l.thin.Load() != 0 {
		l.thin.Store(0)
	}
}

// average returns how long calls took lately, in nanoseconds; 0 when nothing is
// known.
func (l *latency) average() float64 {
	average, _ := unpack(l.word.Load())
	return average
}

// observe takes over that a call took so long, and reports whether it was the
// first that is known of. A failed call counts as twice as slow as usual at the
// least: failing fast must not attract. What is known weighs the more against a
// faster call the less time has passed; so of the faster ones within a tick only
// the first counts, and the others write nothing. Observations that come at
// the same instant may be lost, for the sake of speed.
func (l *latency) observe(took, now time.Duration, failed bool) (first bool) {
	was, at := unpack(l.word.Load())
	age := since(at, now)
	l.pace(age)
	is := max(1, float64(took))
	if failed {
		is = max(is, min(2*max(was, float64(time.Millisecond)), float64(latencyLimit)))
	}
	if is < was {
		if age == 0 {
			return false
		}
		keep := fade(age)
		is = keep*was + (1-keep)*is
	}
	l.word.Store(pack(is, now))
	return was == 0
}

// rest lets the average of a target that is not called sink, so that it is
// tried again, and reports whether anything is known still.
func (l *latency) rest(now time.Duration) (known bool) {
	word := l.word.Load()
	was, at := unpack(word)
	if was == 0 {
		return false
	}
	sunk := fade(since(at, now)) * was
	if sunk < float64(latencyForgotten) {
		sunk = 0
	}
	l.word.CompareAndSwap(word, pack(sunk, now))
	return sunk > 0
}

// pack makes a word of an average in nanoseconds and of the tick that it was
// made in, on the load's clock.
func pack(average float64, now time.Duration) uint64 {
	return uint64(math.Float32bits(float32(average)))<<32 | uint64(uint32(now/latencyTick))
}

func unpack(word uint64) (average float64, at uint32) {
	return float64(math.Float32frombits(uint32(word >> 32))), uint32(word)
}

// since returns how long before now a tick was; 0 if it was the present one, or
// somebody was here with a later time. Ticks begin anew after 52 days, of which
// half can be told; by then nothing is known of a target that is not called.
func since(at uint32, now time.Duration) time.Duration {
	return time.Duration(max(0, int32(uint32(now/latencyTick)-at))) * latencyTick
}

// fade is what remains of the weight of what was known so long ago: e to the
// power of minus the age. Young ages, which are those of targets that are called,
// take a fraction (Padé's) that is off by less than a word can tell.
func fade(age time.Duration) float64 {
	x := float64(age) / float64(latencyMemory)
	if x > fadeYoung {
		return math.Exp(-x)
	}
	even, odd := 12+x*x, 6*x
	return (even - odd) / (even + odd)
}

// fadeYoung is up to where fade is a fraction; it is off by a 720th of its fifth
// power.
const fadeYoung = 0.1
