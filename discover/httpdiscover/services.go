package httpdiscover

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// serviceOf returns the service that a request is for, as one that it uses
// until it releases it.
func (t *Transport) serviceOf(r *http.Request) (*service, error) {
	q, err := t.queryOf(r.URL)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	s := t.services[q]
	if s != nil {
		s.use()
	}
	t.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	return t.begin(q)
}

// queryOf returns which service a URL means.
func (t *Transport) queryOf(u *url.URL) (discover.Query, error) {
	if u == nil || u.Scheme != "http" && u.Scheme != "https" {
		return discover.Query{}, fmt.Errorf("%w request: want a URL such as http://web/path", discover.ErrInvalid)
	}
	return t.cfg.Query(u.Host)
}

// Validate returns an error that wraps [discover.ErrInvalid] where no request to
// target could be sent, whatever the registry knows: the one that [Transport.RoundTrip]
// would return. It asks nobody.
func (t *Transport) Validate(target *url.URL) error {
	q, err := t.queryOf(target)
	if err != nil {
		return err
	}
	return q.Validate()
}

// begin returns a service that was not called lately.
func (t *Transport) begin(q discover.Query) (*service, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("call service %q: %w", q.Service, discover.ErrClosed)
	}
	s := t.services[q]
	if s == nil {
		if err := t.makeRoom(); err != nil {
			return nil, fmt.Errorf("call service %q: %w", q.Service, err)
		}
		var err error
		if s, err = newService(t.cache, q, t.policyFor(q.Service), t.cfg, t.base); err != nil {
			return nil, err
		}
		t.services[q] = s
	}
	s.use()
	return s, nil
}

// use says that a request begins. What holds the transport's mu keeps the
// service from being closed before.
func (s *service) use() {
	s.users.Add(1)
	if !s.used.Load() {
		s.used.Store(true)
	}
}

func (t *Transport) policyFor(service string) balance.Policy {
	if t.cfg.PolicyFor != nil {
		if policy := t.cfg.PolicyFor(service); policy != nil {
			return policy
		}
	}
	return t.cfg.Policy
}

// makeRoom ends a service without requests if there are as many as there may
// be: one that was not called lately if there is such a one. The caller holds mu.
func (t *Transport) makeRoom() error {
	if len(t.services) < t.cfg.Limit {
		return nil
	}
	var least *service
	for _, s := range t.services {
		if s.users.Load() == 0 && (least == nil || !s.used.Load()) {
			least = s
		}
	}
	if least == nil {
		return fmt.Errorf("%w: all %d services that may be called at once have requests under way: a larger Config.Limit allows more", discover.ErrUnavailable, t.cfg.Limit)
	}
	t.end(least)
	return nil
}

// end forgets a service and closes it aside, for that waits. The caller holds mu.
func (t *Transport) end(s *service) {
	delete(t.services, s.query)
	t.ending.Go(s.close) // ends by itself; Close waits
}

// sweep closes services that nobody calls, until ctx ends.
func (t *Transport) sweep(ctx context.Context) {
	ticker := time.NewTicker(t.cfg.Idle)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		t.mu.Lock()
		for _, s := range t.services {
			if !t.closed && s.users.Load() == 0 && !s.used.Swap(false) {
				t.end(s)
			}
		}
		t.mu.Unlock()
	}
}

// CloseIdleConnections closes the connections without a request.
// http.Client's method of that name calls it.
func (t *Transport) CloseIdleConnections() {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, s := range t.services {
		s.mu.RLock()
		for _, p := range s.pools {
			p.transport.CloseIdleConnections()
		}
		s.mu.RUnlock()
	}
}

// Close ends all that follows services, closes idle connections and waits for
// both. Requests under way finish, without its waiting for them and without
// another attempt, and their connections are closed then. It may be called more
// than once.
func (t *Transport) Close() error {
	t.stop()
	t.mu.Lock()
	t.closed = true
	for _, s := range t.services {
		t.end(s)
	}
	t.mu.Unlock()
	t.ending.Wait()
	return nil
}
