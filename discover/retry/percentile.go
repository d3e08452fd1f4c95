package retry

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

// Percentile tells below which time a share of calls stays, to an eighth. Newer
// calls count more. Its methods may be called concurrently.
type Percentile struct {
	share float64
	first time.Duration

	mu     sync.Mutex
	counts [percentileRanges]float64 // calls by how long they took
	total  float64
	value  time.Duration
	news   int // calls since value was reckoned
}

const (
	// percentileRanges is eight for each power of two.
	percentileRanges = 64 * 8
	// percentileMemory is after how many calls the older ones count half.
	percentileMemory = 1000
	// percentileNews is after how many calls the value is reckoned anew.
	percentileNews = 32
)

// NewPercentile returns one for a share, such as 0.95. Its value is first until
// some calls were seen.
func NewPercentile(share float64, first time.Duration) *Percentile {
	return &Percentile{share: share, first: first, value: first}
}

// Observe counts a call that took so long.
func (p *Percentile) Observe(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[rangeOf(took)]++
	p.total++
	if p.total >= 2*percentileMemory {
		for i := range p.counts {
			p.counts[i] /= 2
		}
		p.total /= 2
	}
	if p.news++; p.news >= percentileNews {
		p.news = 0
		p.value = p.reckon()
	}
}

// Value returns the time that the share of calls stays below.
func (p *Percentile) Value() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value
}

// reckon returns the end of the range that the share ends in.
func (p *Percentile) reckon() time.Duration {
	below := 0.0
	for i, count := range p.counts {
		if below += count; below >= p.share*p.total {
			return endOf(i)
		}
	}
	return endOf(percentileRanges - 1)
}

// rangeOf returns the number of the range that a time is in: by its highest bit
// and the three after that.
func rangeOf(took time.Duration) int {
	n := uint64(max(took, 8))
	power := bits.Len64(n) - 1
	return power*8 + int(n>>(power-3)&7)
}

// endOf returns where a range ends.
func endOf(i int) time.Duration {
	power, eighth := i/8, i%8
	return time.Duration(min(math.Ldexp(1+float64(eighth+1)/8, power), math.MaxInt64/2))
}
