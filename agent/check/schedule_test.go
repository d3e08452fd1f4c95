package check

import (
	"slices"
	"testing"
	"time"
)

func TestScheduleAfter(t *testing.T) {
	epoch := time.Now()
	at := func(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }
	s := schedule{start: at(3), interval: 10 * time.Second}
	for _, tc := range []struct {
		name       string
		from, want float64
	}{
		{"before the first point", 0, 3},
		{"long before it", -31, -27},
		{"at a point the next one is meant", 3, 13},
		{"just behind a point", 13.001, 23},
		{"just before one", 22.999, 23},
		{"points that went by are left out", 87, 93},
		{"an interval before the first", -7, 3},
	} {
		if got := s.after(at(tc.from)); !got.Equal(at(tc.want)) {
			t.Errorf("%s: after %vs comes %v, want %vs", tc.name, tc.from, got.Sub(epoch), tc.want)
		}
	}
}

// TestSchedulesLieBetweenEachOther: however many checks there are, none is
// near another, and nowhere is a hole.
func TestSchedulesLieBetweenEachOther(t *testing.T) {
	const interval = 10 * time.Second
	epoch := time.Now()
	for _, begin := range []uint64{0, 1, 1 << 63, ^uint64(0) - 50} {
		for _, count := range []int{2, 3, 10, 100, 1000, 10_000} {
			points := make([]time.Duration, count)
			for n := range points {
				points[n] = newSchedule(epoch, interval, begin+uint64(n)).after(epoch).Sub(epoch) % interval
			}
			slices.Sort(points)
			even := interval / time.Duration(count)
			for n, point := range points {
				next := points[(n+1)%count]
				gap := (next - point + interval) % interval
				if gap < even/3 || gap > 3*even {
					t.Fatalf("%d checks from %d: two are %s apart, want about %s", count, begin, gap, even)
				}
			}
		}
	}
}
