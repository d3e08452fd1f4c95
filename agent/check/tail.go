package check

import "fmt"

// tail keeps the last bytes of what is written to it, as many as it was made
// for, and counts them all. What comes last is what says how it ended.
type tail struct {
	kept  []byte // a ring once it is full
	size  int
	next  int // where in the full ring the oldest byte is
	total int64
}

func newTail(size int) *tail { return &tail{size: size} }

// Write implements io.Writer. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	written := len(p)
	t.total += int64(written)
	if len(p) > t.size {
		p = p[len(p)-t.size:]
	}
	if room := t.size - len(t.kept); room > 0 {
		fill := min(room, len(p))
		t.kept, p = append(t.kept, p[:fill]...), p[fill:]
	}
	for len(p) > 0 {
		n := copy(t.kept[t.next:], p)
		t.next, p = (t.next+n)%t.size, p[n:]
	}
	return written, nil
}

// String returns what was kept.
func (t *tail) String() string { return string(t.kept[t.next:]) + string(t.kept[:t.next]) }

// Counted returns what was kept and, where that is not all, before it how much
// it is of how much, in Consul's words.
func (t *tail) Counted() string {
	if t.total <= int64(t.size) {
		return t.String()
	}
	return fmt.Sprintf("Captured %d of %d bytes\n...\n%s", t.size, t.total, t)
}
