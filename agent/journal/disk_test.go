package journal

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

// errOff is what a disk answers once the power is gone.
var errOff = errors.New("the power is off")

// testDisk is a disk in memory that keeps apart what is written and what is
// safe. It can fail, and lose its power.
type testDisk struct {
	mu     sync.Mutex
	random *rand.Rand
	ops    int
	offAt  int   // the operation at which the power goes; never for 0
	fails  error // of all operations that need room, while it is not nil
	unsafe error // of the next sync of a file; nothing that was written until then ever gets safe

	names map[string]*testFile // as they are
	safe  map[string]*testFile // as they were when they were last synced
	steps []map[string]*testFile
}

func (*testFile) found() error { return nil }

type testFile struct {
	disk *testDisk
	data []byte
	safe int // bytes of data that are
	lost bool
}

func newTestDisk(random *rand.Rand) *testDisk {
	return &testDisk{random: random, names: map[string]*testFile{}, safe: map[string]*testFile{}}
}

// op counts an operation, and returns why it fails.
func (d *testDisk) op(needsRoom bool) error {
	d.ops++
	switch {
	case d.offAt > 0 && d.ops >= d.offAt:
		return errOff
	case needsRoom && d.fails != nil:
		return d.fails
	default:
		return nil
	}
}

// crashed returns the disk as it may be after the power was off: of what is
// not safe any part may be there. Names change in order.
func (d *testDisk) crashed() *testDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := newTestDisk(d.random)
	kept := d.safe
	if n := d.random.IntN(len(d.steps) + 1); n > 0 {
		kept = d.steps[n-1]
	}
	for name, f := range kept {
		data := f.survives(d.random)
		next.names[name] = &testFile{disk: next, data: data, safe: len(data)}
	}
	next.safe = maps.Clone(next.names)
	return next
}

// survives returns what may be there of a file after the power was off: what
// is safe, and of the rest any blocks, with others of zeros before them.
func (f *testFile) survives(random *rand.Rand) []byte {
	const block = 16
	data := slices.Clone(f.data[:f.safe+random.IntN(len(f.data)-f.safe+1)])
	for n := f.safe; n < len(data); n += block {
		if random.IntN(4) == 0 {
			clear(data[n:min(n+block, len(data))])
		}
	}
	return data
}

func (d *testDisk) list() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names)), d.op(false)
}

func (d *testDisk) open(name string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.names[name]
	if f == nil {
		return nil, syscall.ENOENT
	}
	return io.NopCloser(bytes.NewReader(slices.Clone(f.data))), d.op(false)
}

func (d *testDisk) create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.op(true); err != nil {
		return nil, err
	}
	f := &testFile{disk: d}
	d.step(func() { d.names[name] = f })
	return f, nil
}

func (d *testDisk) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.op(true); err != nil {
		return err
	}
	d.step(func() {
		d.names[to] = d.names[from]
		delete(d.names, from)
	})
	return nil
}

func (d *testDisk) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.op(false); err != nil {
		return err
	}
	d.step(func() { delete(d.names, name) })
	return nil
}

// step makes a change of the names, which is not safe yet.
func (d *testDisk) step(change func()) {
	change()
	d.steps = append(d.steps, maps.Clone(d.names))
}

func (d *testDisk) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.op(true); err != nil {
		return err
	}
	d.safe, d.steps = maps.Clone(d.names), nil
	return nil
}

func (d *testDisk) close() error { return nil }

// Write writes all, or when the disk fails some of it.
func (f *testFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.op(true); err != nil {
		n := f.disk.random.IntN(len(p) + 1)
		f.data = append(f.data, p[:n]...)
		return n, err
	}
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *testFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.op(true); err != nil {
		return err
	}
	// As Linux does: what could not be written is forgotten, the next sync
	// succeeds, and only a new file is as it seems.
	if err := f.disk.unsafe; err != nil {
		f.disk.unsafe, f.lost = nil, true
		return err
	}
	if !f.lost {
		f.safe = len(f.data)
	}
	return nil
}

func (f *testFile) Close() error { return nil }
