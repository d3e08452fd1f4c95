// Package alarm rings for keys when their times come: any number of them, from
// one goroutine and one timer. It does not repeat: whoever wants a key to ring
// again sets it again.
package alarm

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Clock has a time for each key. The zero value is not ready: use New. It is
// safe for concurrent use.
type Clock[K comparable] struct {
	wake chan struct{} // has one element when the first time may have changed

	mu    sync.Mutex
	byKey map[K]*entry[K]
	queue queue[K]
	count uint64 // of times set
}

// entry is a key and its time.
type entry[K comparable] struct {
	key K
	due time.Time
	set uint64 // when that was said, among all
	at  int    // place in the queue
}

// New returns a clock without keys.
func New[K comparable]() *Clock[K] {
	return &Clock[K]{wake: make(chan struct{}, 1), byKey: map[K]*entry[K]{}}
}

// Set makes key ring at due, in place of the time that it had. Keys that are
// due together ring in the order in which they were set.
func (c *Clock[K]) Set(key K, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	e := c.byKey[key]
	if e == nil {
		e = &entry[K]{key: key, due: due, set: c.count}
		c.byKey[key] = e
		heap.Push(&c.queue, e)
	} else {
		e.due, e.set = due, c.count
		heap.Fix(&c.queue, e.at)
	}
	if e.at == 0 {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// Stop takes key's time away, if it has one.
func (c *Clock[K]) Stop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[key]; e != nil {
		heap.Remove(&c.queue, e.at)
		delete(c.byKey, key)
	}
}

// Waits reports whether key has a time that has not come.
func (c *Clock[K]) Waits(key K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byKey[key] != nil
}

// Run calls ring for each key whose time has come, one at a time, until ctx
// ends. ring may set and stop keys; a slow one delays the others.
func (c *Clock[K]) Run(ctx context.Context, ring func(K)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		due, next := c.take(time.Now())
		for _, key := range due {
			ring(key)
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// take removes and returns the keys that are due, and tells the next time;
// zero when there is none.
func (c *Clock[K]) take(now time.Time) (due []K, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && !c.queue[0].due.After(now) {
		e := heap.Pop(&c.queue).(*entry[K])
		delete(c.byKey, e.key)
		due = append(due, e.key)
	}
	if len(c.queue) > 0 {
		next = c.queue[0].due
	}
	return due, next
}

// queue is a heap of entries, the next due on top. It implements
// heap.Interface.
type queue[K comparable] []*entry[K]

func (q queue[K]) Len() int { return len(q) }
func (q queue[K]) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].set < q[j].set
	}
	return q[i].due.Before(q[j].due)
}
func (q queue[K]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue[K]) Push(x any) {
	e := x.(*entry[K])
	e.at = len(*q)
	*q = append(*q, e)
}

func (q *queue[K]) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
