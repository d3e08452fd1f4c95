package discover_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/internal/pace"
)

// TestReturningHerd: watches whose registry is killed ask it once a second
// each, evenly spread, from the first second on, and have all got an answer a
// second after it is back.
func TestReturningHerd(t *testing.T) {
	const size = 2000
	for _, outage := range []time.Duration{50 * time.Millisecond, 700 * time.Millisecond, 20 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			source := discovertest.NewOutage()
			for range size {
				w := discover.Watch(source, web, discover.WatchConfig{})
				defer w.Close()
			}
			time.Sleep(time.Minute)
			synctest.Wait()

			source.Kill()
			time.Sleep(outage)
			source.Start()
			time.Sleep(time.Minute)
			synctest.Wait()

			asked := source.Asked()
			last := asked[len(asked)-1]
			if last > outage+pace.Every {
				t.Errorf("an outage of %s: the last asked %s after it was over, want within %s", outage, last-outage, pace.Every)
			}
			if most := discovertest.MostWithin(asked, time.Second); most > size {
				t.Errorf("an outage of %s: asked %d times in a second, want %d at most", outage, most, size)
			}
			// Of 200 in the mean, 300 are seven deviations away.
			if most := discovertest.MostWithin(asked, time.Second/10); most > 300 {
				t.Errorf("an outage of %s: asked %d times in a tenth of a second, want some 200", outage, most)
			}
		})
	}
}
