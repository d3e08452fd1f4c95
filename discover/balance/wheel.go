package balance

import (
	"math"
	"math/bits"
)

// wheel is a wheel of fortune: each candidate has a part of its rim as wide as
// its weight. A point on the rim is a fraction of 2^64.
type wheel struct {
	slots []slot
	total uint64   // length of the rim, the sum of the widths
	ends  []uint64 // where each part ends; nil when all are 1 wide
	guide []int32  // by the highest bits of a point: the first part that may hold it
	shift int      // of a point, to those bits
	unit  uint64   // points to a position, rounded down
}

// slot is a candidate, laid out for picking.
type slot struct {
	target *Target
	load   *load
	weight float64 // 1 on average
	width  uint64

	lightness float64 // one divided by the weight, for a pick multiplies faster than it divides
}

func newWheel(candidates []Candidate) wheel {
	widths := widthsOf(candidates)
	w := wheel{slots: make([]slot, len(candidates))}
	var sum float64
	for _, c := range candidates {
		sum += c.Weight
	}
	ends := make([]uint64, len(candidates))
	for i, c := range candidates {
		weight := c.Weight * float64(len(candidates)) / sum
		w.slots[i] = slot{c.Target, c.load, weight, widths[i], 1 / weight}
		w.total += widths[i]
		ends[i] = w.total
	}
	if w.total == uint64(len(candidates)) {
		return w
	}
	w.ends = ends
	w.unit = math.MaxUint64 / w.total
	size := bits.Len(uint(2*len(candidates) - 1)) // at most one part begins in a stretch, on average
	w.shift = 64 - size
	w.guide = make([]int32, 1<<size)
	part := int32(0)
	for n := range w.guide {
		begin, _ := bits.Mul64(uint64(n)<<w.shift, w.total)
		for ends[part] <= begin {
			part++
		}
		w.guide[n] = part
	}
	return w
}

// at returns the number of the slot at a point of the rim. It and what it calls
// are short enough to cost no call.
func (w *wheel) at(point uint64) int {
	position, _ := bits.Mul64(point, w.total)
	if w.ends == nil {
		return int(position)
	}
	return w.search(point, position)
}

// search looks for a position from where the guide has it for a point, which is
// in that position or before it.
func (w *wheel) search(point, position uint64) int {
	part := w.guide[point>>w.shift]
	for w.ends[part] <= position {
		part++
	}
	return int(part)
}

// untried returns the slot at a point of the rim of those that the request did
// not try; of all, if it tried all.
func (w *wheel) untried(r Request, point uint64) *slot {
	var total uint64
	for i := range w.slots {
		if !r.tried(w.slots[i].target) {
			total += w.slots[i].width
		}
	}
	position, _ := bits.Mul64(point, total)
	for i := range w.slots {
		if r.tried(w.slots[i].target) {
			continue
		}
		if width := w.slots[i].width; position >= width {
			position -= width
			continue
		}
		return &w.slots[i]
	}
	return &w.slots[w.at(point)]
}

// other returns the number of the slot at a point of the rim without the slot
// i; i if there is no other.
func (w *wheel) other(i int, point uint64) int {
	width := w.slots[i].width
	if width == w.total {
		return i
	}
	position, _ := bits.Mul64(point, w.total-width)
	if w.ends == nil {
		if position >= uint64(i) {
			position++
		}
		return int(position)
	}
	if position >= w.ends[i]-width {
		position += width
	}
	return w.search(position*w.unit, position)
}

// rim is the length of a rim whose parts are not in a ratio of small whole
// numbers.
const rim = 1 << 32

// widthsOf returns whole numbers in the ratio of the weights: exactly, and as
// small as can be, where the weights are whole numbers.
func widthsOf(candidates []Candidate) []uint64 {
	widths := make([]uint64, len(candidates))
	var sum float64
	var divisor uint64
	whole := true
	for i, c := range candidates {
		sum += c.Weight
		whole = whole && c.Weight == math.Trunc(c.Weight) && c.Weight < rim
		if whole {
			widths[i] = uint64(c.Weight)
			divisor = gcd(divisor, widths[i])
		}
	}
	exact := whole && sum/float64(divisor) <= rim
	for i, c := range candidates {
		if exact {
			widths[i] /= divisor
		} else {
			widths[i] = max(1, uint64(c.Weight/sum*rim))
		}
	}
	return widths
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
