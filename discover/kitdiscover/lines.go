package kitdiscover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// lines holds an endpoint for each place that is called, for as long as a
// healthy instance is there. Its methods may be called concurrently.
type lines struct {
	watch   Watch
	factory sd.Factory
	logger  *slog.Logger

	stop   context.CancelFunc
	ending sync.WaitGroup // the loop and the factories at work

	mu     sync.RWMutex
	lines  map[place]*line
	closed bool
}

// place is where an instance is: all that a factory learns of it.
type place struct {
	address string
	port    int
}

func placeOf(i *discover.Instance) place { return place{i.Address, i.Port} }

// line is the endpoint of a place, or why there is none.
type line struct {
	ready chan struct{} // closed when the factory returned; what it gave is settled then

	endpoint endpoint.Endpoint
	closer   io.Closer // may be nil
	err      error
	failed   time.Time // when err came

	users atomic.Int64 // calls, the factory at work, and the map that holds it; the last one closes it
}

// factoryPause is how long after a failure a factory is not asked again.
const factoryPause = time.Second

func newLines(watch Watch, factory sd.Factory, logger *slog.Logger) *lines {
	ctx, stop := context.WithCancel(context.Background())
	l := &lines{watch: watch, factory: factory, logger: logger, stop: stop, lines: make(map[place]*line)}
	l.ending.Go(func() { l.run(ctx) }) // close stops it and waits
	return l
}

// run retires the lines to what has left, until ctx ends.
func (l *lines) run(ctx context.Context) {
	for {
		changed := l.watch.Changed() // before the look, so as to miss nothing
		for _, gone := range l.gone() {
			l.release(gone)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// gone takes the lines out that lead nowhere any more.
func (l *lines) gone() []*line {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, _ := l.watch.Snapshot()
	present := make(map[place]bool, len(s.Instances))
	for n := range s.Instances {
		present[placeOf(&s.Instances[n])] = true
	}
	var gone []*line
	for where, one := range l.lines {
		if !present[where] {
			delete(l.lines, where)
			gone = append(gone, one)
		}
	}
	return gone
}

// leads reports whether an instance that can be called is at a place.
func (l *lines) leads(where place) bool {
	s, _ := l.watch.Snapshot()
	return slices.ContainsFunc(s.Instances, func(i discover.Instance) bool { return placeOf(&i) == where })
}

// take returns the line to an instance, for one call, which releases it. It
// waits for the factory until ctx ends. The error wraps the factory's and
// [balance.ErrUnreachable], or ctx's, or [discover.ErrClosed].
func (l *lines) take(ctx context.Context, to *discover.Instance) (*line, error) {
	one, err := l.line(to)
	if err != nil {
		return nil, err
	}
	select {
	case <-one.ready:
		err = one.err
	default:
		select {
		case <-one.ready:
			err = one.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		l.release(one)
		return nil, fmt.Errorf("endpoint for %s: %w", to.HostPort(), err)
	}
	return one, nil
}

// line returns the line to an instance, ready or not, with the caller as a user.
func (l *lines) line(to *discover.Instance) (*line, error) {
	where := placeOf(to)
	l.mu.RLock()
	one := l.lines[where]
	usable := one != nil && !one.again()
	if usable {
		one.users.Add(1)
	}
	l.mu.RUnlock()
	if usable {
		return one, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("endpoint for %s: %w", to.HostPort(), discover.ErrClosed)
	}
	last := l.lines[where]
	if last != nil && !last.again() {
		last.users.Add(1)
		return last, nil
	}
	one = &line{ready: make(chan struct{})}
	one.users.Add(2)                   // the caller and the factory
	if last != nil || l.leads(where) { // else it was chosen a moment ago, and has left
		l.lines[where] = one // in place of one that was not made, which has nothing to close
		one.users.Add(1)
	}
	address, failing := to.HostPort(), last != nil
	l.ending.Go(func() { l.make(one, address, failing) }) // ends with the factory; close waits
	return one, nil
}

// again reports whether the factory is to be asked again.
func (one *line) again() bool {
	select {
	case <-one.ready:
		return one.err != nil && time.Since(one.failed) >= factoryPause
	default:
		return false
	}
}

// errNoEndpoint is what a factory did that gave neither an endpoint nor an error.
var errNoEndpoint = errors.New("the factory returned a nil endpoint without an error")

// make asks the factory for the endpoint of an address that it failed to make
// before, or did not.
func (l *lines) make(one *line, address string, failing bool) {
	defer l.release(one)
	one.endpoint, one.closer, one.err = l.factory(address)
	if one.endpoint == nil && one.err == nil {
		one.err = errNoEndpoint
	}
	if one.err != nil {
		one.err = fmt.Errorf("%w: %w", balance.ErrUnreachable, one.err)
		one.failed = time.Now()
	}
	switch {
	case one.err != nil && !failing:
		l.logger.Error("cannot make an endpoint, trying again", "instance", address, "error", one.err)
	case one.err == nil && failing:
		l.logger.Info("made an endpoint at last", "instance", address)
	}
	close(one.ready)
}

// release says that a user of a line has done with it. The last one closes it.
func (l *lines) release(one *line) {
	if one.users.Add(-1) > 0 || one.err != nil || one.closer == nil {
		return
	}
	if err := one.closer.Close(); err != nil {
		l.logger.Warn("cannot close an endpoint", "error", err)
	}
}

// close ends what follows the watch, waits for it and for factories at work, and
// closes what no call uses.
func (l *lines) close() {
	l.stop()
	l.mu.Lock()
	l.closed = true
	all := l.lines
	l.lines = nil
	l.mu.Unlock()
	for _, one := range all {
		l.release(one)
	}
	l.ending.Wait()
}
