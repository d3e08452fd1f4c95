package state

import (
	"errors"
	"runtime"
	"sync"
)

// Write calls change with a Writer and applies what it did at the next index.
// When change returns an error, or changed nothing, the store and its index
// stay as they were. It returns change's error, once the write can be seen by
// all.
//
// Writes happen one after the other, and share a commit with those that come
// at the same time. So change must be quick, must not keep the Writer nor call
// the store, and must not fail after it changed something: what can fail
// half-way goes through [Store.Try].
func (s *Store) Write(change func(*Writer) error) error {
	return s.write(&pending{change: change})
}

// Note is Write for what nobody is promised that it is kept: it is written
// whether or not it can be now.
func (s *Store) Note(change func(*Writer) error) error {
	return s.write(&pending{change: change, unpromised: true})
}

// Try is Write for a change that may fail half-way: it is applied whole or not
// at all, in a commit of its own.
func (s *Store) Try(change func(*Writer) error) error {
	return s.write(&pending{change: change, alone: true})
}

func (s *Store) write(mine *pending) error {
	mine.turn = make(chan bool, 1)
	if !s.commits.enter(mine) {
		if leads := <-mine.turn; !leads {
			return mine.err
		}
	}
	// Whoever leads commits for those who came meanwhile too: the paths of the
	// tables that they share are copied once. Who is about to come gets a
	// moment to do so.
	runtime.Gosched()
	s.lead(s.commits.take())
	return mine.err
}

// errPanicked is what they are told whose changes were to share a commit with one
// that panicked.
var errPanicked = errors.New("another change broke this one off: nothing was written")

// lead commits a batch, tells those behind the first, who leads, and passes the
// lead on, though a change panics: who serves HTTP goes on after that, and all
// who write would wait for ever.
func (s *Store) lead(batch []*pending) {
	whole := false
	defer func() {
		for _, done := range batch[1:] {
			if !whole {
				done.err = errPanicked
			}
			done.turn <- false
		}
		s.commits.leave()
	}()
	s.commit(batch)
	whole = true
}

// pending is one call of Write or Try.
type pending struct {
	change func(*Writer) error
	alone  bool // it shares its commit with nobody
	err    error

	unpromised bool      // see Note
	changes    bool      // it changed something
	turn       chan bool // true: lead the next commit; false: it is done
}

// commits is the queue of those who want to write. The first in it leads.
type commits struct {
	mu      sync.Mutex
	waiting []*pending
	led     bool // somebody leads, and will pass that on
}

// enter puts p into the queue and reports whether its caller is to lead.
func (c *commits) enter(p *pending) (leads bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, p)
	leads = !c.led
	c.led = true
	return leads
}

// take removes from the queue the first, who leads, and all behind it that can
// share its commit.
func (c *commits) take() []*pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 1
	for !c.waiting[0].alone && n < len(c.waiting) && !c.waiting[n].alone {
		n++
	}
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return batch
}

// leave passes the lead on to the first who waits.
func (c *commits) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.led = len(c.waiting) > 0; c.led {
		c.waiting[0].turn <- true
	} else {
		c.waiting = nil // lets go of what was taken
	}
}

// usualTouches is how many topics most changes touch.
const usualTouches = 8

// commit applies a batch of changes in one transaction of the tables. The
// caller leads.
func (s *Store) commit(batch []*pending) {
	unready := s.unready()
	w := s.writer(usualTouches * len(batch))
	for _, p := range batch {
		if unready != nil && !p.unpromised {
			p.err = unready
			continue
		}
		before := len(w.touched)
		p.err = p.change(w)
		switch {
		case len(w.touched) == before:
			continue // nothing changed, and the index is still free
		case p.err != nil && p.alone:
			return // and everything with it
		case p.err != nil:
			panic("state: a write failed half-way that was not tried: " + p.err.Error())
		}
		p.changes = true
		w.touch(Everything)
		w.index++
	}
	if len(w.touched) == 0 {
		return
	}
	if unready == nil {
		if err := s.keep(w); err != nil {
			for _, p := range batch {
				if p.changes && !p.unpromised {
					p.err = err
				}
			}
		}
	}
	s.index, s.graves = w.index-1, w.graves
	w.tables.index = s.index
	wake := w.entries.settle()
	s.now.Store(w.tables) // the tables first, then whoever waits: see topics
	if w.restored {
		s.topics.restart(s.index)
	}
	s.topics.apply(w.touched)
	wake()
}

// writer returns one for a commit that is to touch about so many topics.
func (s *Store) writer(touches int) *Writer {
	w := &Writer{index: s.index + 1, graves: s.graves, touched: make([]touch, 0, touches)}
	var changes *[]change
	if s.keeper != nil {
		changes = &w.changes
	}
	w.tables = s.now.Load().fork(changes)
	return w
}
