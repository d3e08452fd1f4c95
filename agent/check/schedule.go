package check

import (
	"math/bits"
	"time"
)

// schedule is when a check looks after its first time: at points that are an
// interval apart, wherever the looks before ended, so that it never drifts.
type schedule struct {
	start    time.Time // one of the points
	interval time.Duration
}

// golden is the golden ratio's part behind the point, in units of 2^-64. Its
// multiples, taken modulo one, lie as far from each other as can be, however
// many there are (Knuth, The Art of Computer Programming 3, 6.4).
const golden = 0x9E3779B97F4A7C15

// newSchedule returns that of the n-th check. The points of checks with the
// same interval and the same epoch lie evenly between each other, whenever the
// checks began.
func newSchedule(epoch time.Time, interval time.Duration, n uint64) schedule {
	share, _ := bits.Mul64(uint64(interval), n*golden)
	return schedule{epoch.Add(time.Duration(share)), interval}
}

// after returns the first point behind t.
func (s schedule) after(t time.Time) time.Time {
	since := t.Sub(s.start) % s.interval // below 0 before the start
	if since < 0 {
		return t.Add(-since)
	}
	return t.Add(s.interval - since)
}
