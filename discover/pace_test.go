package discover

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	b := backoff{first: firstDelay, last: lastDelay}
	for _, ceiling := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		ceiling *= time.Millisecond
		if d := b.next(); d < 0 || d >= ceiling || b.ceiling != ceiling {
			t.Errorf("got a delay of %s below %s, want below %s", d, b.ceiling, ceiling)
		}
	}
	b.reset()
	if d := b.next(); d >= firstDelay {
		t.Errorf("after a reset: got a delay of %s, want below %s", d, firstDelay)
	}
}

// What a fleet does at once must not arrive at once, and no member may take
// longer than lastDelay in all.
func TestBackoffSpreads(t *testing.T) {
	for _, failures := range []int{0, 1, 3, 10} {
		var tenths [10]int
		for range 1000 {
			b := backoff{first: firstDelay, last: lastDelay}
			var wait time.Duration
			for range failures {
				wait = b.next()
			}
			wait += b.rest()
			tenths[min(9, int(10*wait/lastDelay))]++
			if wait > lastDelay {
				t.Fatalf("after %d failures: waited %s, want at most %s", failures, wait, lastDelay)
			}
		}
		for i, n := range tenths {
			if n > 250 {
				t.Errorf("after %d failures: %d of 1000 in tenth %d of the spread", failures, n, i)
			}
		}
	}
}
