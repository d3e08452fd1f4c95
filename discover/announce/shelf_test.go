package announce_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/realjf/muster/discover/announce"
)

// shelf is a registry in memory for the tests of a Registrar. Like a real
// one it blocks in Await, and a definition's hash changes when the definition
// does.
type shelf struct {
	// onRegister is called before a registration takes effect; it may block.
	// It must be set before the shelf is used.
	onRegister func()
	// salt is a part of every hash from the next registration on.
	salt string

	mu         sync.Mutex
	places     map[string]*place // by id; one that was used stays
	registered []time.Time       // when, of all ids
	down       error
}

type place struct {
	hash    string        // empty when nothing is there
	changed chan struct{} // closed and replaced at every change
}

func newShelf() *shelf {
	return &shelf{places: make(map[string]*place)}
}

// Register ends with ctx, but what was sent arrives all the same.
func (s *shelf) Register(ctx context.Context, r announce.Registration) error {
	arrived := make(chan error, 1)
	go func() { arrived <- s.take(r) }() // ends with onRegister
	select {
	case err := <-arrived:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *shelf) take(r announce.Registration) error {
	if s.onRegister != nil {
		s.onRegister()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	s.registered = append(s.registered, time.Now())
	s.put(r.ID, fmt.Sprint(r)+s.salt)
	return nil
}

func (s *shelf) Deregister(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return s.down
	}
	s.put(id, "")
	return nil
}

func (s *shelf) Await(ctx context.Context, id, hash string) (string, error) {
	for {
		s.mu.Lock()
		p := s.place(id)
		got, down, changed := p.hash, s.down, p.changed
		s.mu.Unlock()
		switch {
		case down != nil:
			return "", down
		case got == "":
			return "", fmt.Errorf("await %q: %w", id, announce.ErrNotRegistered)
		case got != hash:
			return got, nil
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			return got, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// place returns the place of id. The caller holds mu.
func (s *shelf) place(id string) *place {
	if s.places[id] == nil {
		s.places[id] = &place{changed: make(chan struct{})}
	}
	return s.places[id]
}

// put sets the hash of id, "" to forget it, and wakes. The caller holds mu.
func (s *shelf) put(id, hash string) {
	p := s.place(id)
	p.hash = hash
	close(p.changed)
	p.changed = make(chan struct{})
}

// wipe forgets everything and fails with err from then on, unless it is nil.
func (s *shelf) wipe(err error) {
	s.fail(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.places {
		s.put(id, "")
	}
}

// fail makes every call fail with err, or none with nil; what was registered
// stays.
func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// alter changes the definition of id, as another owner would.
func (s *shelf) alter(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(id, "altered")
}

func (s *shelf) hash(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.place(id).hash
}

// calls returns when instances were registered so far.
func (s *shelf) calls() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.registered...)
}
