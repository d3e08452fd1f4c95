// Package service holds the rules of the example service in plain Go: what it
// says, whom it finds and when it counts as healthy.
//
// It knows neither HTTP nor go-kit, and it reads no registry itself: a
// [Finder] answers for one. The endpoint package gives each method a request
// and a response, the transport package gives them an address.
package service

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/realjf/muster/discover"
)

// Finder answers which instances of a service there are. *discover.Cache is
// one. Get may block until the first answer to a question has arrived or ctx
// ends, and is called concurrently.
type Finder interface {
	Get(ctx context.Context, q discover.Query) (discover.Snapshot, error)
}

// Service is the example service. Its methods may be called concurrently.
type Service struct {
	finder  Finder
	leaving atomic.Bool
}

// maxName is the longest name in bytes that is looked for: a longer one would
// not fit into a DNS name. A watch is kept per name, so that a stranger must
// not be able to make us keep large ones.
const maxName = 255

// New returns a healthy service that finds others through finder.
func New(finder Finder) *Service { return &Service{finder: finder} }

// SayHello returns the greeting.
func (s *Service) SayHello() string { return "Hello World" }

// Discover returns the healthy instances of the service called name; there is
// at least one when the error is nil. The slice is shared: it must not be
// changed.
//
// The error wraps [discover.ErrInvalid] when no registry could be asked for
// name, and [discover.ErrUnavailable] while the registry has given no answer
// that could tell. It is [ErrNotFound] when the registry does not know the
// service, and an [*UnhealthyError] when it knows it and all of it is out.
func (s *Service) Discover(ctx context.Context, name string) ([]discover.Instance, error) {
	q := discover.Query{Service: name}
	if err := q.Validate(); err != nil {
		return nil, err
	}
	if len(name) > maxName {
		return nil, fmt.Errorf("%w service name: it has %d bytes, want at most %d", discover.ErrInvalid, len(name), maxName)
	}
	snapshot, err := s.finder.Get(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("discover %q: %w", name, err)
	}
	switch {
	case len(snapshot.Instances) > 0:
		return snapshot.Instances, nil
	case len(snapshot.Unhealthy) > 0:
		return nil, &UnhealthyError{Service: name, Out: snapshot.Unhealthy}
	case snapshot.Err != nil:
		// Nobody was there when the registry last answered; it cannot be
		// asked now, so "not found" would claim more than is known.
		return nil, fmt.Errorf("discover %q: %w: %w", name, discover.ErrUnavailable, snapshot.Err)
	default:
		return nil, ErrNotFound
	}
}

// Health returns nil while the service takes new work, and [ErrLeaving] from
// the moment that Leave was called.
func (s *Service) Health() error {
	if s.leaving.Load() {
		return ErrLeaving
	}
	return nil
}

// Leave makes the service report that it is going. There is no way back.
func (s *Service) Leave() { s.leaving.Store(true) }
