package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/quiet"
)

// CacheConfig holds the options of a Cache; the zero value works.
type CacheConfig struct {
	// Limit is how many queries are watched at once; 0 means 128. One more ends
	// the watch unused for longest. Each watch holds a connection; Consul allows
	// 200 per address.
	Limit  int
	Idle   time.Duration     // how long an unused watch is kept at least; 0 means 10 minutes
	Guard  func(Query) Guard // how far bad news is trusted; must return soon; nil means the zero Guard
	Folder string            // keeps the last lists, as in WatchConfig
	// Logger is told of outages, once for all watches, and of refused queries.
	// Nil means silence.
	Logger *slog.Logger
}

// Cache answers queries from memory. One watch feeds each query, however many
// callers ask. Its methods may be called concurrently.
type Cache struct {
	source Source
	limit  int
	idle   time.Duration
	guard  func(Query) Guard
	folder string
	logger *slog.Logger

	silence silence // of src, over all watches

	stop   context.CancelFunc
	ending sync.WaitGroup // the sweeper and the watches being closed

	mu      sync.RWMutex
	watches map[Query]*watch
	closed  bool
}

// watch is a Watcher and who needs it.
type watch struct {
	*Watcher
	used      atomic.Int64 // nanoseconds since 1970, when somebody last asked
	followers int          // who closed nothing yet; the cache's mu guards it
}

// NewCache returns an empty cache over src, which the caller closes. It panics
// when src is nil.
func NewCache(src Source, cfg CacheConfig) *Cache {
	mustHave("NewCache", src)
	ctx, stop := context.WithCancel(context.Background())
	c := &Cache{
		source:  src,
		limit:   128,
		idle:    10 * time.Minute,
		guard:   cfg.Guard,
		folder:  cfg.Folder,
		logger:  quiet.Logger(cfg.Logger),
		stop:    stop,
		watches: make(map[Query]*watch),
	}
	if cfg.Limit > 0 {
		c.limit = cfg.Limit
	}
	if c.guard == nil {
		c.guard = func(Query) Guard { return Guard{} }
	}
	if cfg.Idle > 0 {
		c.idle = cfg.Idle
	}
	c.ending.Go(func() { c.sweep(ctx) }) // Close stops it and waits
	return c
}

// Get returns the latest good answer to q. The first call for q starts a watch,
// which goes on when ctx ends. Get blocks until the watch's first attempt has
// ended, or ctx ends; from then on it answers at once.
//
// The error wraps ErrInvalid, ErrClosed, or ErrUnavailable with the reason.
// After a first good answer an outage is no error: see the snapshot's Err.
func (c *Cache) Get(ctx context.Context, q Query) (Snapshot, error) {
	w, err := c.watch(q, 0)
	if err != nil {
		return Snapshot{}, fmt.Errorf("discover %q: %w", q.Service, err)
	}
	s, err := w.Tried(ctx)
	if errors.Is(err, ErrClosed) && !c.isClosed() {
		// More new questions at once than the limit. Not to be asked again
		// here: each would drive out another.
		return Snapshot{}, fmt.Errorf("discover %q: %w: more than %d questions at once, which a larger CacheConfig.Limit allows", q.Service, ErrUnavailable, c.limit)
	}
	return s, err
}

// Follow returns the shared watch of q, and keeps it until the follower is
// closed. It does not block. The error wraps ErrInvalid, ErrClosed, or
// ErrUnavailable when CacheConfig.Limit queries are followed.
func (c *Cache) Follow(q Query) (*Follower, error) {
	w, err := c.watch(q, 1)
	if err != nil {
		return nil, fmt.Errorf("follow %q: %w", q.Service, err)
	}
	return &Follower{Watcher: w.Watcher, release: sync.OnceFunc(func() { c.release(w) })}, nil
}

// Follower is a shared [Watcher], which one caller follows.
type Follower struct {
	*Watcher
	release func()
}

// Close gives up the shared watch. It does not block.
func (f *Follower) Close() error {
	f.release()
	return nil
}

// release notes that one who followed w does not any more.
func (c *Cache) release(w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.followers--
	w.used.Store(time.Now().UnixNano())
}

// Each yields the watched queries that have an answer, with the latest one, in
// no order. This does not count as use.
func (c *Cache) Each(yield func(Query, Snapshot) bool) {
	c.mu.RLock()
	answers := make(map[Query]Snapshot, len(c.watches))
	for q, w := range c.watches {
		if s, ok := w.Snapshot(); ok {
			answers[q] = s
		}
	}
	c.mu.RUnlock()
	for q, s := range answers {
		if !yield(q, s) {
			return
		}
	}
}

// Close ends all watches and waits for them.
func (c *Cache) Close() error {
	c.stop()
	c.mu.Lock()
	c.closed = true
	for q := range c.watches {
		c.end(q)
	}
	c.mu.Unlock()
	c.ending.Wait()
	return nil
}

// watch returns the watch of q with so many more followers, starting it if need
// be, and notes its use.
func (c *Cache) watch(q Query, followers int) (*watch, error) {
	now := time.Now().UnixNano()
	if followers == 0 { // the fast way
		c.mu.RLock()
		w, closed := c.watches[q], c.closed
		c.mu.RUnlock()
		if w != nil && !closed {
			w.used.Store(now)
			return w, nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	w := c.watches[q]
	if w == nil {
		if err := q.Validate(); err != nil {
			return nil, err
		}
		if err := c.makeRoom(); err != nil {
			return nil, err
		}
		c.logger.Debug("watch starts", "service", q.Service)
		w = &watch{Watcher: watchBeside(c.source, q, WatchConfig{Logger: c.logger, Guard: c.guard(q), Folder: c.folder}, &c.silence)}
		c.watches[q] = w
	}
	w.used.Store(now)
	w.followers += followers
	return w, nil
}

// makeRoom ends the watch that nobody asked for the longest if there are as many
// as there may be. The caller holds mu. It looks at all: they are few, and it is
// rare.
func (c *Cache) makeRoom() error {
	if len(c.watches) < c.limit {
		return nil
	}
	var oldest Query
	var used int64
	for q, w := range c.watches {
		if t := w.used.Load(); w.followers == 0 && (used == 0 || t < used) {
			oldest, used = q, t
		}
	}
	if used == 0 {
		return fmt.Errorf("%w: all %d questions that may be watched are followed: a larger CacheConfig.Limit allows more", ErrUnavailable, c.limit)
	}
	c.end(oldest)
	return nil
}

// end forgets a question and closes its watch aside, for that may take as
// long as the source takes to notice. The caller holds mu for writing.
func (c *Cache) end(q Query) {
	w := c.watches[q]
	delete(c.watches, q)
	c.logger.Debug("watch ends", "service", q.Service)
	c.ending.Go(func() { _ = w.Close() }) // ends by itself; Cache.Close waits
}

// sweep closes idle watches until ctx ends.
func (c *Cache) sweep(ctx context.Context) {
	for pace.Sleep(ctx, c.idle/2) == nil {
		c.mu.Lock()
		for q, w := range c.watches {
			if !c.closed && w.followers == 0 && time.Since(time.Unix(0, w.used.Load())) >= c.idle {
				c.end(q)
			}
		}
		c.mu.Unlock()
	}
}

func (c *Cache) isClosed() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.closed
}
