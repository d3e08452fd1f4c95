// Package pace says how often the library asks a registry that failed, and how
// often its loops wake up at most. It is fixed rather than configured: it bounds
// what one loop costs a registry, and recovery within two seconds rests on it.
package pace

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

// Every is how long there is between two attempts of one loop.
const Every = time.Second

// What a [NewLimiter] lets through.
const (
	wakeupsPerSecond = 10
	wakeupBurst      = 2
)

// NewLimiter returns what keeps a loop from spinning when a service flaps or
// a registry does not block: a few answers at once, then ten a second. What
// is skipped is not missed, for the next answer is the latest state.
func NewLimiter() *rate.Limiter {
	return rate.NewLimiter(wakeupsPerSecond, wakeupBurst)
}

// Turn is the delay of one loop among many after its registry failed. The
// first is a random part of a second, and each one after it a whole second, so
// that each loop keeps to its own point of the second. N loops that fail
// together thus ask N times in any second and not more, evenly spread, however
// long the registry is away; and when it is back, each has asked within a
// second. The price is that a failure which is over at once is noticed half a
// second later in the mean, while the last good list stays. The zero value is
// that of a loop that did not fail.
type Turn struct{ drawn bool }

// Next returns the delay after one more failure.
func (t *Turn) Next() time.Duration {
	if t.drawn {
		return Every
	}
	t.drawn = true
	return rand.N(Every)
}

// After returns the delay after one more failure, where the registry asks to be
// left alone for so long; 0 where it does not ask. Its clients come back one after
// the other, within a second or a quarter of that time.
func (t *Turn) After(alone time.Duration) time.Duration {
	delay := t.Next()
	if alone > 0 {
		delay = alone + rand.N(max(Every, alone/4))
	}
	return delay
}

// Rest returns how long to wait with what many will do when they notice
// together that the registry is back: a random part of a second, unless that
// has spread them already.
func (t *Turn) Rest() time.Duration {
	if t.drawn {
		return 0
	}
	return rand.N(Every)
}

// Reset forgets the failures.
func (t *Turn) Reset() { t.drawn = false }

// Backoff is the growing delay of one who tries for something that others have
// in their hands. Each delay is a random part of a ceiling that doubles from
// First to Last.
type Backoff struct {
	First, Last time.Duration
	ceiling     time.Duration // of the latest delay; 0 before the first
}

// Next returns the delay after one more time.
func (b *Backoff) Next() time.Duration {
	b.ceiling = min(max(b.First, 2*b.ceiling), b.Last)
	return rand.N(b.ceiling)
}

// Reset begins anew.
func (b *Backoff) Reset() { b.ceiling = 0 }

// Sleep waits for d or until ctx ends, and returns ctx's error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
