package discover

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

// How fast the loops of this package go. They are fixed rather than
// configured: they bound what one loop costs a registry, and recovery within
// two seconds rests on them.
const (
	retryEvery = time.Second

	// retryAfter is how long a registry that refuses is left alone at least,
	// whatever its Retry-After says, and longestAlone how long at most.
	retryAfter   = time.Second
	longestAlone = 30 * time.Second

	wakeupsPerSecond = 10
	wakeupBurst      = 2
)

// newLimiter returns what keeps a loop from spinning when a service flaps or
// a registry does not block: a few answers at once, then ten a second. What
// is skipped is not missed, for the next answer is the latest state.
func newLimiter() *rate.Limiter {
	return rate.NewLimiter(wakeupsPerSecond, wakeupBurst)
}

// turn is the delay of one loop among many after its registry failed. The
// first is a random part of a second, and each one after it a whole second, so
// that each loop keeps to its own point of the second. N loops that fail
// together thus ask N times in any second and not more, evenly spread, however
// long the registry is away; and when it is back, each has asked within a
// second. The price is that a failure which is over at once is noticed half a
// second later in the mean, while the last good list stays. The zero value is
// that of a loop that did not fail.
type turn struct{ drawn bool }

// next returns the delay after one more failure.
func (t *turn) next() time.Duration {
	if t.drawn {
		return retryEvery
	}
	t.drawn = true
	return rand.N(retryEvery)
}

// after returns the delay after one more failure, which was this one. A
// registry that has too much to do is left alone for as long as it asks for,
// and its clients come back one after the other, within a second or a quarter of
// that time.
func (t *turn) after(err error) time.Duration {
	delay := t.next()
	if alone := aloneFor(err); alone > 0 {
		delay = alone + rand.N(max(retryEvery, alone/4))
	}
	return delay
}

// rest returns how long to wait with what many will do when they notice
// together that the registry is back: a random part of a second, unless that
// has spread them already.
func (t *turn) rest() time.Duration {
	if t.drawn {
		return 0
	}
	return rand.N(retryEvery)
}

// reset forgets the failures.
func (t *turn) reset() { t.drawn = false }

// backoff is the growing delay of one who tries for something that others have
// in their hands. Each delay is a random part of a ceiling that doubles from
// first to last.
type backoff struct {
	first, last time.Duration
	ceiling     time.Duration // of the latest delay; 0 before the first
}

// next returns the delay after one more time.
func (b *backoff) next() time.Duration {
	b.ceiling = min(max(b.first, 2*b.ceiling), b.last)
	return rand.N(b.ceiling)
}

// reset begins anew.
func (b *backoff) reset() { b.ceiling = 0 }

// sleep waits for d or until ctx ends, and returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
