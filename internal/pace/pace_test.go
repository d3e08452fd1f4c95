package pace

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Last: 10 * time.Second}
	for _, ceiling := range []time.Duration{1, 2, 4, 8, 10, 10} {
		ceiling *= time.Second
		if d := b.Next(); d < 0 || d >= ceiling || b.ceiling != ceiling {
			t.Errorf("got a delay of %s below %s, want below %s", d, b.ceiling, ceiling)
		}
	}
	b.Reset()
	if d := b.Next(); d >= time.Second {
		t.Errorf("after a reset: got a delay of %s, want below 1s", d)
	}
}

// What a fleet does at once must not arrive at once, however long it failed
// before, and no member may take longer than Every in all.
func TestTurnsSpread(t *testing.T) {
	for _, failures := range []int{0, 1, 3, 10} {
		var tenths [10]int
		for range 1000 {
			var own Turn
			var wait time.Duration
			for range failures {
				wait += own.Next()
			}
			wait = wait%Every + own.Rest()
			if wait >= Every {
				t.Fatalf("after %d failures: waited %s, want less than %s", failures, wait, Every)
			}
			tenths[int(10*wait/Every)]++
		}
		for i, n := range tenths {
			if n > 250 {
				t.Errorf("after %d failures: %d of 1000 in tenth %d of the spread", failures, n, i)
			}
		}
	}
}
