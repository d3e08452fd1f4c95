package api

import (
	"container/list"
	"context"
	"net/http"
	"sync"
	"time"
)

// turns lets so much work be done at a time, and the rest of it wait: in the
// order in which it came, as long as it makes sense. What is done beside it
// (checks, DNS, heartbeats, answers that are there already) so finds a
// processor soon, however much is asked for. It is safe for concurrent use.
//
// How long work may wait follows "controlled delay": a burst may, since it
// passes; a queue that goes on only makes everybody late. So as soon as somebody
// had to be refused it is kept short, until nobody has been for a while.
// https://queue.acm.org/detail.cfm?id=2839461
type turns struct {
	most int // of all weights at a time

	mu      sync.Mutex
	free    int
	waiting [2]list.List // of *waiter, in order: usual, and patient work
	next    int          // which of the two is first, when both wait
	refused time.Time    // when somebody was, the last time
}

const (
	usual = iota
	// patient work is never refused: somebody has waited for it, or needs it
	// to see why all else is slow.
	patient
)

const (
	// longestQueue is how much usual work may wait.
	longestQueue = 1024
	// longestTurn is how long any of it waits, and how long after a refusal it
	// waits for crowdedTurn only.
	longestTurn = time.Second
	crowdedTurn = 100 * time.Millisecond
)

// errBusy is why work was refused.
var errBusy = &failure{http.StatusServiceUnavailable, "the registry has more to do than it can; try again in a second"}

func newTurns(most int) *turns { return &turns{most: most, free: most} }

// waiter is work that waits.
type waiter struct {
	weight int
	since  time.Time
	turn   chan error // has room for one: nil when it is its turn, or errBusy
}

// take waits for a turn for work of this weight, which arrived then; give gives
// it back. The error is errBusy, or errGone when ctx ends.
func (t *turns) take(ctx context.Context, weight, kind int, arrived time.Time) error {
	weight = min(weight, t.most)
	w, place, err := t.enter(weight, kind, arrived)
	if w == nil {
		return err
	}
	var over <-chan time.Time // never, for who is patient
	if kind == usual {
		timer := time.NewTimer(time.Until(arrived.Add(longestTurn)))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case err := <-w.turn:
		return err
	case <-over:
		err = errBusy
	case <-ctx.Done():
		err = errGone
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case turn := <-w.turn: // it came at that moment
		if turn == nil {
			t.free += weight
		}
	default:
		t.waiting[kind].Remove(place)
	}
	now := time.Now()
	if err == errBusy {
		t.refused = now
	}
	t.call(now) // those behind may need less
	return err
}

// enter takes a turn at once or puts work into the queue; it returns neither a
// waiter nor an error when the turn is taken.
func (t *turns) enter(weight, kind int, arrived time.Time) (*waiter, *list.Element, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	queue := &t.waiting[kind]
	now := time.Now()
	switch {
	case t.free >= weight && t.waiting[usual].Len() == 0 && t.waiting[patient].Len() == 0:
		t.free -= weight
		return nil, nil, nil
	case kind == usual && (queue.Len() >= longestQueue || now.Sub(arrived) >= longestTurn || t.hopeless(now)):
		t.refused = now
		return nil, nil, errBusy
	}
	w := &waiter{weight: weight, since: arrived, turn: make(chan error, 1)}
	return w, queue.PushBack(w), nil
}

// hopeless reports whether usual work that comes now would wait for longer than
// it may, which who is first in the queue shows. It is better told at once. The
// caller holds the mutex.
func (t *turns) hopeless(now time.Time) bool {
	first := t.waiting[usual].Front()
	return first != nil && t.patience(now) == crowdedTurn && now.Sub(first.Value.(*waiter).since) > crowdedTurn/2
}

// give gives a turn back that was taken with this weight.
func (t *turns) give(weight int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free += min(weight, t.most)
	if t.waiting[usual].Len() > 0 || t.waiting[patient].Len() > 0 {
		t.call(time.Now())
	}
}

// call gives turns to those who wait, while there are any. The caller holds the
// mutex.
func (t *turns) call(now time.Time) {
	for {
		kind := t.next
		if t.waiting[kind].Len() == 0 {
			kind = 1 - kind
		}
		place := t.waiting[kind].Front()
		if place == nil {
			return
		}
		w := place.Value.(*waiter)
		if kind == usual && now.Sub(w.since) > t.patience(now) {
			t.waiting[kind].Remove(place)
			t.refused = now
			w.turn <- errBusy
			continue
		}
		if w.weight > t.free {
			return
		}
		t.waiting[kind].Remove(place)
		t.free -= w.weight
		t.next = 1 - kind
		w.turn <- nil
	}
}

// patience is how long usual work may have waited when its turn comes.
func (t *turns) patience(now time.Time) time.Duration {
	if now.Sub(t.refused) < longestTurn {
		return crowdedTurn
	}
	return longestTurn
}
