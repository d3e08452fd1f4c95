package command

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryIsGivenBackAtRest(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name        string
		before, now heap
		want        bool
	}{
		{"nothing to gain", heap{allocated: 9 * mib, live: 5 * mib, held: 5 * mib}, heap{allocated: 9 * mib, live: 5 * mib, held: 5 * mib}, false},
		{"garbage", heap{allocated: 90 * mib}, heap{allocated: 90 * mib, live: 5 * mib, held: 15 * mib}, true},
		{"free pages", heap{allocated: 90 * mib}, heap{allocated: 90 * mib, live: 5 * mib, held: 5 * mib, free: 10 * mib}, true},
		{"at work", heap{allocated: 80 * mib}, heap{allocated: 90 * mib, live: 5 * mib, held: 15 * mib}, false},
		{"little against what is live", heap{allocated: 900 * mib}, heap{allocated: 900 * mib, live: 200 * mib, held: 220 * mib}, false},
		{"just collected", heap{allocated: 90 * mib}, heap{allocated: 90 * mib, live: 5 * mib, held: 4 * mib}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.now.restedSince(test.before); got != test.want {
				t.Errorf("restedSince = %t, want %t", got, test.want)
			}
		})
	}
}

func TestHeapIsReadAsItIs(t *testing.T) {
	before := readHeap()
	block := make([]byte, 32<<20)
	after := readHeap()
	if grown := after.allocated - before.allocated; grown < 32<<20 {
		t.Errorf("allocated grew by %d bytes, want 32 MiB at least", grown)
	}
	if after.held < 32<<20 {
		t.Errorf("held = %d bytes with 32 MiB in hand", after.held)
	}
	runtime.KeepAlive(block)
	debug.FreeOSMemory()
	if freed := readHeap(); freed.held >= after.held {
		t.Errorf("held = %d bytes after a collection, want less than %d", freed.held, after.held)
	}
}
