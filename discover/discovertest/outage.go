package discovertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/realjf/muster/discover"
)

// Outage is a source that dies and comes back, and notes when it was asked
// since it died: for tests of how those come back who wait for it. It knows no
// instance. Its methods may be called concurrently.
type Outage struct {
	mu    sync.Mutex
	died  chan struct{} // closed when it is killed
	up    bool
	began time.Time // when it was killed
	asked []time.Duration
}

// NewOutage returns a source that is up.
func NewOutage() *Outage { return &Outage{died: make(chan struct{}), up: true} }

// Kill fails all questions, and those to come.
func (o *Outage) Kill() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up, o.began = false, time.Now()
	close(o.died)
	o.died = make(chan struct{})
}

// Start has questions answered again.
func (o *Outage) Start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.up = true
}

// Began returns when it was killed.
func (o *Outage) Began() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.began
}

// Asked returns how long after it was killed each question was asked that wants
// an answer at once, in their order.
func (o *Outage) Asked() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.asked)
}

// Next implements [discover.Source].
func (o *Outage) Next(ctx context.Context, _ discover.Query, after uint64) (discover.Snapshot, error) {
	o.mu.Lock()
	up, died := o.up, o.died
	if !o.began.IsZero() && after == 0 {
		o.asked = append(o.asked, time.Since(o.began))
	}
	o.mu.Unlock()
	switch {
	case !up:
		return discover.Snapshot{}, errors.New("refused")
	case after == 0:
		return discover.Snapshot{Index: 1, Confirmed: time.Now()}, nil
	}
	select {
	case <-died:
		return discover.Snapshot{}, errors.New("reset")
	case <-ctx.Done():
		return discover.Snapshot{}, ctx.Err()
	}
}

// MostWithin returns how many of the times, which ascend, lie less than d apart
// at most.
func MostWithin(times []time.Duration, d time.Duration) int {
	most, first := 0, 0
	for n, at := range times {
		for at-times[first] >= d {
			first++
		}
		most = max(most, n-first+1)
	}
	return most
}
