package balance

import (
	"sync/atomic"
	"unsafe"
)

// turns counts. Who counts alone gets one number after the other; from when
// several count at the very same time, each has a counter to itself, more or
// less: a counter that many processors write costs them several times what all
// the rest of a pick does.
type turns struct {
	alone  atomic.Uint64
	crowd  atomic.Pointer[[lanes]lane]
	period uint64 // after how many the caller begins anew
}

// lanes is a power of two, well above the number of processors, for which lane
// somebody takes is left to chance.
const lanes = 128

type lane struct {
	next atomic.Uint64
	_    [56]byte // the rest of a cache line
}

// meetings is how often it is looked whether somebody else counts too: a
// look costs as much as counting.
const meetings = 32

// next returns a number that is one above an earlier one, and whether it is time
// to look who else counts, which is left to the caller so that this is short
// enough to cost no call.
func (t *turns) next() (n uint64, due bool) {
	if crowd := t.crowd.Load(); crowd != nil {
		return crowd[here()].next.Add(1), false
	}
	n = t.alone.Add(1)
	return n, n%meetings == 0
}

// look looks whether somebody counts at this very moment, after a number.
func (t *turns) look(n uint64) {
	if !t.alone.CompareAndSwap(n, n) {
		t.widen()
	}
}

// widen lets each go on in a lane of their own.
func (t *turns) widen() {
	crowd := new([lanes]lane)
	for i := range crowd {
		crowd[i].next.Store(t.alone.Load() + uint64(i)*t.period/lanes) // not all at the same target
	}
	t.crowd.CompareAndSwap(nil, crowd)
}

// here returns a lane that depends on who asks: on where the stack of the
// goroutine is, the only thing of it that can be seen at no cost.
func here() uintptr {
	var local byte
	const golden = 0x9e3779b97f4a7c15
	return uintptr(uint64(uintptr(unsafe.Pointer(&local))>>11) * golden >> (64 - 7)) // #nosec G103 -- a number, through which nothing is read
}
