package api

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// followers are those who follow services with blocking reads: who waits now, and
// who was answered a moment ago and will be back. So somebody who leaves can ask
// whether all that follow its service were told. Readers that do not wait for
// changes are not among them: nobody can tell when these ask again.
type followers struct {
	mu    sync.Mutex
	of    map[string]map[*follower]bool // by service
	away  map[string][]*follower        // by what they ask when they are back
	queue []*follower                   // who went away, in order; some are back
}

// follower is one that follows a service.
type follower struct {
	all     *followers
	service string
	asks    string          // who asks what
	changed <-chan struct{} // closed when the answer that it has may be out of date
	left    time.Time       // when it was answered; zero while it is here
}

// awayFor is how long a reader may take to come back: the library's ask ten
// times a second at most, and others are as quick or are polling.
const awayFor = time.Second

// followed are the beginnings of the paths of answers about one service.
var followed = []string{"/v1/health/service/", "/v1/catalog/service/", "/v1/health/connect/", "/v1/catalog/connect/"}

// outdated is closed.
var outdated = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// enter notes a request that knows the answer with an index to the question key.
// It returns nil for what follows no service.
func (s *followers) enter(r *http.Request, key string, index uint64) *follower {
	service := ""
	for _, path := range followed {
		if name, ok := strings.CutPrefix(r.URL.Path, path); ok {
			service = name
		}
	}
	if service == "" || index == 0 {
		return nil
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	asks := host + "\x00" + key
	s.mu.Lock()
	defer s.mu.Unlock()
	before := asks + "\x00" + strconv.FormatUint(index, 10)
	if gone := s.away[before]; len(gone) > 0 {
		s.forget(gone[len(gone)-1], before)
	}
	one := &follower{all: s, service: service, asks: asks, changed: outdated}
	if s.of == nil {
		s.of, s.away = make(map[string]map[*follower]bool), make(map[string][]*follower)
	}
	if s.of[service] == nil {
		s.of[service] = make(map[*follower]bool)
	}
	s.of[service][one] = true
	return one
}

// forget removes one that is away. The caller holds mu.
func (s *followers) forget(one *follower, asks string) {
	gone := s.away[asks]
	if n := slices.Index(gone, one); n >= 0 {
		gone = slices.Delete(gone, n, n+1)
	}
	if s.away[asks] = gone; len(gone) == 0 {
		delete(s.away, asks)
	}
	s.remove(one)
}

// remove removes one. The caller holds mu.
func (s *followers) remove(one *follower) {
	if delete(s.of[one.service], one); len(s.of[one.service]) == 0 {
		delete(s.of, one.service)
	}
}

// waits notes that a reader waits with an answer that holds until changed is
// closed.
func (one *follower) waits(changed <-chan struct{}) {
	if one == nil {
		return
	}
	one.all.mu.Lock()
	defer one.all.mu.Unlock()
	one.changed = changed
}

// leave notes that a reader gets an answer; nil if it gets none and is gone.
func (one *follower) leave(given *answer) {
	if one == nil {
		return
	}
	s := one.all
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if given == nil {
		s.remove(one)
	} else {
		one.changed, one.left = given.changed, now
		one.asks += "\x00" + strconv.FormatUint(given.index, 10)
		s.away[one.asks] = append(s.away[one.asks], one)
		s.queue = append(s.queue, one)
	}
	for len(s.queue) > 0 && now.Sub(s.queue[0].left) > awayFor {
		if first := s.queue[0]; s.of[first.service][first] {
			s.forget(first, first.asks)
		}
		s.queue[0] = nil
		s.queue = s.queue[1:]
	}
}

// told reports whether all that follow a service have an answer that holds.
func (s *followers) told(service string) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.of[service] {
		if !one.left.IsZero() && now.Sub(one.left) > awayFor {
			continue
		}
		select {
		case <-one.changed:
			return false
		default:
		}
	}
	return true
}

// lookEvery is how often it is looked whether all were told. There may be
// thousands of readers: to be woken by each costs more than to look.
const lookEvery = 5 * time.Millisecond

// await waits until all that follow a service were told, or ctx ends, and reports
// whether they were.
func (s *followers) await(ctx context.Context, service string) bool {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for !s.told(service) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// agentFollowers tells when all that follow a service with blocking reads were
// answered of its latest change: true, or false when ?wait, by default a second
// and ten at most, was over before. It is muster's own: who leaves asks for it.
func (a *API) agentFollowers(r *http.Request) (any, error) {
	wait := time.Second
	if text := parameters(r).Get("wait"); text != "" {
		asked, err := time.ParseDuration(text)
		if err != nil || asked < 0 {
			return nil, badRequest("Invalid wait time")
		}
		wait = min(asked, 10*time.Second)
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(a.open, cancel)()
	return a.followers.await(ctx, r.PathValue("service")), nil
}
