package api

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// largeAnswer is the size above which an answer counts while it is taken:
	// what one write may hold for half a minute.
	largeAnswer = pieceSize
	// roomForAnswers is what all of those have together.
	roomForAnswers = 256 << 20
	// keepsUp is how many bytes a second somebody takes who need not give way:
	// some 32 Mbit/s. newReader is how long nobody knows.
	keepsUp   = 4 << 20
	newReader = time.Second
)

// taking are the large answers that are being taken by their readers. Each is
// in memory until the last of its readers has it, though there is a newer one
// long since: so when they have no room the slowest readers give way. It is
// safe for concurrent use.
type taking struct {
	most int64

	mu    sync.Mutex
	bytes int64 // of all that are not given up
	taken map[*byte]*taken
}

// taken is an answer, however many share it. Where its bytes begin tells it
// apart.
type taken struct {
	first   *byte
	size    int64
	readers map[*reader]struct{}
}

// reader is one who takes a large answer. A nil one takes another.
type reader struct {
	of    *taken
	out   *http.ResponseController
	since time.Time
	bytes atomic.Int64
	cut   atomic.Bool
}

func newTaking(most int64) *taking { return &taking{most: most, taken: map[*byte]*taken{}} }

// begin lets a reader take a body, and makes room for it. The reader is nil when
// the body is too small to count. The error is errBusy when there is no room, and
// nobody is slow. The caller ends it.
func (t *taking) begin(body []byte, out *http.ResponseController) (*reader, error) {
	if len(body) <= largeAnswer {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	answer := t.taken[&body[0]]
	if answer == nil {
		size := int64(cap(body)) // that of indented JSON is twice its length
		if !t.makeRoom(size, now) {
			return nil, errBusy
		}
		answer = &taken{first: &body[0], size: size, readers: map[*reader]struct{}{}}
		t.taken[answer.first] = answer
		t.bytes += size
	}
	mine := &reader{of: answer, out: out, since: now}
	answer.readers[mine] = struct{}{}
	return mine, nil
}

// end is for when a reader has its answer, or will not get it.
func (t *taking) end(r *reader) {
	if r == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(r.of.readers, r)
	if len(r.of.readers) == 0 {
		t.forget(r.of)
	}
}

// forget counts an answer no more; the caller holds the mutex.
func (t *taking) forget(answer *taken) {
	if t.taken[answer.first] == answer {
		delete(t.taken, answer.first)
		t.bytes -= answer.size
	}
}

// hasRoom reports whether an answer of so many bytes could be taken now: one
// that could not need not be made.
func (t *taking) hasRoom(size int) bool {
	if size <= largeAnswer {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, enough := t.giving(int64(size), time.Now())
	return enough
}

// makeRoom has readers give way until there is room for so many bytes, and
// reports whether there is. Nobody gives way in vain. The caller holds the mutex.
func (t *taking) makeRoom(size int64, now time.Time) bool {
	giving, enough := t.giving(size, now)
	if !enough {
		return false
	}
	for _, answer := range giving {
		t.forget(answer)
		for r := range answer.readers {
			r.giveWay(now)
		}
	}
	return true
}

// giving returns the answers that would have to give way to one of so many
// bytes, and whether there is room then, or nothing else is held. The caller
// holds the mutex.
func (t *taking) giving(size int64, now time.Time) (giving []*taken, enough bool) {
	for left := t.bytes; left > 0 && left+size > t.most; {
		slowest, least := (*taken)(nil), float64(keepsUp)
		for _, answer := range t.taken {
			if rate := answer.rate(now); rate < least && !slices.Contains(giving, answer) {
				slowest, least = answer, rate
			}
		}
		if slowest == nil {
			return nil, false
		}
		giving = append(giving, slowest)
		left -= slowest.size
	}
	return giving, true
}

// rate is how fast the fastest reader of an answer takes it, in bytes a second;
// a new one counts as one that keeps up.
func (a *taken) rate(now time.Time) float64 {
	most := 0.0
	for r := range a.readers {
		age := now.Sub(r.since)
		if age < newReader {
			return keepsUp
		}
		most = max(most, float64(r.bytes.Load())/age.Seconds())
	}
	return most
}

// giveWay ends a write that waits for this reader. One that is just about to
// begin may wait for the rest of its own time.
func (r *reader) giveWay(now time.Time) {
	r.cut.Store(true)
	_ = r.out.SetWriteDeadline(now.Add(-time.Second)) // writers of tests have none
}

func (r *reader) gaveWay() bool { return r != nil && r.cut.Load() }

func (r *reader) took(n int) {
	if r != nil {
		r.bytes.Add(int64(n))
	}
}
