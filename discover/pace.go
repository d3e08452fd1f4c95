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
	firstDelay = 100 * time.Millisecond
	lastDelay  = time.Second

	// retryAfter is what a registry that refuses asks for. Consul's client does
	// not show its Retry-After, which is a second wherever there is one.
	retryAfter = time.Second

	wakeupsPerSecond = 10
	wakeupBurst      = 2
)

// newLimiter returns what keeps a loop from spinning when a service flaps or
// a registry does not block: a few answers at once, then ten a second. What
// is skipped is not missed, for the next answer is the latest state.
func newLimiter() *rate.Limiter {
	return rate.NewLimiter(wakeupsPerSecond, wakeupBurst)
}

// backoff is the growing delay after failures. Each delay is a random part
// of a ceiling that doubles from first to last, so that clients that failed
// together do not return together.
type backoff struct {
	first, last time.Duration
	ceiling     time.Duration // of the latest delay; 0 after a success
}

// next returns the delay after one more failure.
func (b *backoff) next() time.Duration {
	b.ceiling = min(max(b.first, 2*b.ceiling), b.last)
	return rand.N(b.ceiling)
}

// after returns the delay after one more failure, which was this one. A
// registry that has too much to do is left alone for as long as it asks for,
// and its clients come back one after the other.
func (b *backoff) after(err error) time.Duration {
	delay := b.next()
	if isBusy(err) {
		delay = retryAfter + rand.N(b.last)
	}
	return delay
}

// rest returns a random part of what the latest delay's ceiling left of the
// last one. Clients that notice something together thus spread over as much
// time whether they had to back off before or not, and none takes longer.
func (b *backoff) rest() time.Duration {
	return rand.N(b.last - b.ceiling + 1)
}

// reset forgets the failures.
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
