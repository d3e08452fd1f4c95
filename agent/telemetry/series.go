package telemetry

import (
	"math"
	"sync"
	"time"
)

// Series is a set of observations of one thing. It is safe for concurrent use.
type Series struct {
	name   string
	labels map[string]string
	counts bool // it is a counter: how its values spread says nothing

	mu        sync.Mutex
	all       window
	now, last window // what was seen in the interval at, and in the one before
	at        interval
}

// window sums up observations.
type window struct {
	count                     uint64
	sum, squares, least, most float64
}

func (w *window) add(value float64) {
	if w.count == 0 || value < w.least {
		w.least = value
	}
	if w.count == 0 || value > w.most {
		w.most = value
	}
	w.count++
	w.sum += value
	w.squares += value * value
}

// Since observes something that began then and is over now; it is told in
// milliseconds.
func (s *Series) Since(began time.Time) {
	now := time.Now()
	s.observe(now, float64(now.Sub(began))/float64(time.Millisecond))
}

// Add counts n more.
func (s *Series) Add(n int) { s.observe(time.Now(), float64(n)) }

func (s *Series) observe(now time.Time, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roll(intervalOf(now))
	s.all.add(value)
	s.now.add(value)
}

// roll makes i the interval that is being summed up; the caller holds the
// mutex. A reader may be ahead of a writer by an instant: time does not go back.
func (s *Series) roll(i interval) {
	switch {
	case i <= s.at:
		return
	case i == s.at+1:
		s.last = s.now
	default:
		s.last = window{}
	}
	s.now, s.at = window{}, i
}

// total returns how often something was seen since the start, and its sum.
func (s *Series) total() (count uint64, sum float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.count, s.all.sum
}

// Sample sums up a series over an interval.
type Sample struct {
	Name                              string
	Count                             uint64
	Rate, Sum, Min, Max, Mean, Stddev float64
	Labels                            map[string]string
}

// in sums up what was seen in the interval: the current one or the one before,
// for nothing older is kept.
func (s *Series) in(i interval) Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roll(i)
	var seen window
	switch i {
	case s.at:
		seen = s.now
	case s.at - 1:
		seen = s.last
	}
	sample := Sample{Name: s.name, Count: seen.count, Sum: seen.sum, Min: seen.least, Max: seen.most, Labels: s.labels}
	if seen.count == 0 {
		return sample
	}
	n := float64(seen.count)
	sample.Mean = seen.sum / n
	sample.Rate = seen.sum / length.Seconds()
	if n > 1 {
		sample.Stddev = math.Sqrt(max(0, n*seen.squares-seen.sum*seen.sum) / (n * (n - 1)))
	}
	return sample
}

// interval is a stretch of time over which figures are summed up, by its
// number since 1970.
type interval int64

// length is how long an interval is: Consul's.
const length = 10 * time.Second

func intervalOf(t time.Time) interval { return interval(t.UnixNano() / int64(length)) }

func (i interval) start() time.Time { return time.Unix(0, int64(i)*int64(length)) }
