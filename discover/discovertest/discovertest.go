// Package discovertest helps to test what implements and what uses a
// [discover.Source] or a [balance.Policy]: [TestSource] is the suite that every
// source passes, [TestPolicy] that for policies, and [Hand] is a source that a
// test drives by hand. It refuses to know any registry.
package discovertest

import (
	"context"
	"strings"
	"sync"

	"github.com/realjf/muster/discover"
)

// Hand is a source whose answers a test sets by hand. It keeps all the rules
// of a source: it blocks while nothing changes and ends with the context.
// Its methods may be called concurrently.
type Hand struct {
	mu       sync.Mutex
	services map[string]answer
	index    uint64
	down     error
	asked    map[string]int
	changed  chan struct{} // closed and replaced at every change
}

// answer is what a hand knows of a service, and since which index.
type answer struct {
	discover.Source
	index uint64
}

// NewHand returns a source that knows no instances, at index 1.
func NewHand() *Hand {
	return &Hand{
		services: make(map[string]answer),
		index:    1,
		asked:    make(map[string]int),
		changed:  make(chan struct{}),
	}
}

// Set replaces the instances of a service, healthy or not by their status,
// and wakes those who ask for it. What they leave out is as with [discover.Fixed]. It raises the index even if nothing
// changes, as a registry may.
func (h *Hand) Set(service string, instances ...discover.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range instances {
		instances[i].Service = service
	}
	h.index++
	h.services[service] = answer{discover.Fixed(instances...), h.index}
	h.wake()
}

// Fail lets all questions fail with err, the blocked ones too, until it is
// called with nil.
func (h *Hand) Fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = err
	h.wake()
}

// Restart forgets all instances and starts again at index 1, as a registry
// that kept its data in memory. Blocked questions are answered.
func (h *Hand) Restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.services)
	h.index = 1
	h.wake()
}

// Asked returns how many questions about a service were asked so far.
func (h *Hand) Asked(service string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked[service]
}

// Next answers as [discover.Source] says.
func (h *Hand) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	if err := q.Validate(); err != nil {
		return discover.Snapshot{}, err
	}
	h.mu.Lock()
	h.asked[q.Service]++
	h.mu.Unlock()
	for {
		a, changed, err := h.look(q)
		if err != nil {
			return discover.Snapshot{}, err
		}
		if a.index != after {
			s, err := a.Next(ctx, q, 0)
			s.Index = a.index
			return s, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return discover.Snapshot{}, ctx.Err()
		}
	}
}

func (h *Hand) look(q discover.Query) (answer, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, known := h.services[q.Service]
	if !known {
		a = answer{discover.Fixed(), 1}
	}
	return a, h.changed, h.down
}

// wake lets the blocked questions look again. The caller holds mu.
func (h *Hand) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// IDs returns the ids of instances in their order, with a space between two.
func IDs(instances []discover.Instance) string {
	ids := make([]string, len(instances))
	for n, i := range instances {
		ids[n] = i.ID
	}
	return strings.Join(ids, " ")
}
