package discover

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/internal/pace"
)

// flaky is a source that blocks until it is killed, refuses while it is away,
// and notes when it was asked since.
type flaky struct {
	mu    sync.Mutex
	away  chan struct{} // closed when it is killed
	up    bool
	asked []time.Duration // since it was killed
	began time.Time
}

func (f *flaky) Next(ctx context.Context, _ Query, after uint64) (Snapshot, error) {
	f.mu.Lock()
	up, away := f.up, f.away
	if !f.began.IsZero() && after == 0 {
		f.asked = append(f.asked, time.Since(f.began))
	}
	f.mu.Unlock()
	switch {
	case !up:
		return Snapshot{}, errors.New("refused")
	case after == 0:
		return Snapshot{Index: 1, Confirmed: time.Now()}, nil
	}
	select {
	case <-away:
		return Snapshot{}, errors.New("reset")
	case <-ctx.Done():
		return Snapshot{}, ctx.Err()
	}
}

// TestReturningHerd: watches whose registry is killed ask it once a second
// each, evenly spread, from the first second on, and have all got an answer a
// second after it is back.
func TestReturningHerd(t *testing.T) {
	const size = 2000
	for _, outage := range []time.Duration{50 * time.Millisecond, 700 * time.Millisecond, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			source := &flaky{away: make(chan struct{}), up: true}
			for range size {
				w := Watch(source, Query{Service: "web"}, WatchConfig{})
				defer w.Close()
			}
			time.Sleep(time.Minute)
			synctest.Wait()

			source.mu.Lock()
			source.up, source.began = false, time.Now()
			close(source.away)
			source.away = make(chan struct{})
			source.mu.Unlock()
			time.Sleep(outage)
			source.mu.Lock()
			source.up = true
			source.mu.Unlock()
			time.Sleep(time.Minute)
			synctest.Wait()

			last := source.asked[len(source.asked)-1]
			if last > outage+pace.Every {
				t.Errorf("an outage of %s: the last asked %s after it was over, want within %s", outage, last-outage, pace.Every)
			}
			if most := mostWithin(source.asked, time.Second); most > size {
				t.Errorf("an outage of %s: asked %d times in a second, want %d at most", outage, most, size)
			}
			// Of 200 in the mean, 300 are seven deviations away.
			if most := mostWithin(source.asked, time.Second/10); most > 300 {
				t.Errorf("an outage of %s: asked %d times in a tenth of a second, want some 200", outage, most)
			}
		})
	}
}

// mostWithin returns how many of the times, which ascend, lie less than d
// apart at most.
func mostWithin(times []time.Duration, d time.Duration) int {
	most, first := 0, 0
	for n, at := range times {
		for at-times[first] >= d {
			first++
		}
		most = max(most, n-first+1)
	}
	return most
}
