package consul

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

// port is one that a registry listens at, or not.
type port struct {
	mu     sync.Mutex
	open   bool // somebody accepts
	served bool // and keeps the connection
	dialed []time.Time
}

func (p *port) dial(context.Context) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialed = append(p.dialed, time.Now())
	if !p.open {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	return end{served: p.served}, nil
}

// end is the client's of a connection to a server that waits to be spoken to, or
// closes it at once.
type end struct {
	net.Conn
	served bool
}

func (e end) SetReadDeadline(time.Time) error { return nil }

func (e end) Close() error { return nil }

func (e end) Read([]byte) (int, error) {
	if !e.served {
		return 0, io.EOF
	}
	time.Sleep(probeHold)
	return 0, os.ErrDeadlineExceeded
}

func (p *port) set(open, served bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.served = open, served
}

// since returns how long after a moment it was connected to.
func (p *port) since(from time.Time) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []time.Duration
	for _, at := range p.dialed {
		if at.After(from) {
			all = append(all, at.Sub(from))
		}
	}
	return all
}

// reachable is a source that dies, and that can be looked for.
type reachable struct {
	*discovertest.Outage
	*prober
	port *port
}

func newReachable() *reachable {
	p := &port{open: true, served: true}
	return &reachable{discovertest.NewOutage(), newProber(p.dial), p}
}

func (r *reachable) Reach(ctx context.Context) error { return r.reach(ctx) }

// Next fails as a client of HTTP does.
func (r *reachable) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	if _, err := r.port.dial(ctx); err != nil && after == 0 {
		return discover.Snapshot{}, err // it is not asked
	}
	return r.Outage.Next(ctx, q, after)
}

// kill and start are what becomes of the registry.
func (r *reachable) kill() {
	r.port.set(false, false)
	r.Kill()
}

func (r *reachable) start() {
	r.port.set(true, true)
	r.Start()
}

// TestReturningProcesses: of many processes, with a watch each, half notice within
// 150 ms that their registry is back, and all within a quarter of a second. Meanwhile
// none connects more often than eight times a second, and none asks twice.
func TestReturningProcesses(t *testing.T) {
	size := few(200)
	for _, outage := range []time.Duration{50 * time.Millisecond, 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var all []*reachable
			for range size {
				r := newReachable()
				defer discover.Watch(r, discover.Query{Service: "web"}, discover.WatchConfig{}).Close()
				all = append(all, r)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			for _, r := range all {
				r.kill()
			}
			time.Sleep(outage)
			for _, r := range all {
				// Besides, each asks once a second on its own.
				if most := discovertest.MostWithin(r.port.since(r.Began()), time.Second); most > 8 {
					t.Errorf("an outage of %s: %d connections in a second", outage, most)
				}
				r.start()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			var asked []time.Duration
			for _, r := range all {
				all := r.Asked()
				if len(all) != 1 {
					t.Errorf("an outage of %s: asked at %s", outage, all)
				}
				asked = append(asked, all[0]-outage)
			}
			slices.Sort(asked)
			// A few have no median to speak of.
			if median, last := asked[size/2], asked[size-1]; size == 200 && median > 150*time.Millisecond || last > 250*time.Millisecond {
				t.Errorf("an outage of %s: half had asked %s after it was over, and all after %s", outage, median, last)
			}
			if most := discovertest.MostWithin(asked, time.Second/10); size == 200 && most > size*7/10 {
				t.Errorf("an outage of %s: asked %d times in a tenth of a second", outage, most)
			}
		})
	}
}

// TestReturningWatches: 1,000 watches of one process share the probe, and come
// back over a second: at most once each in any second, whatever becomes of their
// connections.
func TestReturningWatches(t *testing.T) {
	size, outage := few(1000), 4*time.Second
	for _, away := range []struct {
		open, served bool
	}{{false, false}, {true, false}, {true, true}} {
		synctest.Test(t, func(t *testing.T) {
			r := newReachable()
			for range size {
				defer discover.Watch(r, discover.Query{Service: "web"}, discover.WatchConfig{}).Close()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			r.kill()
			r.port.set(away.open, away.served)
			time.Sleep(outage)
			if most := discovertest.MostWithin(r.port.since(r.Began()), time.Second); most > size+8 {
				t.Errorf("%+v: %d connections in a second", away, most)
			}
			r.start()
			time.Sleep(time.Minute)
			synctest.Wait()
			asked := r.Asked()
			slices.Sort(asked)
			last := asked[len(asked)-1] - outage
			if last > time.Second {
				t.Errorf("%+v: the last asked %s after it was over", away, last)
			}
			if most := discovertest.MostWithin(asked, time.Second); most > size {
				t.Errorf("%+v: asked %d times in a second", away, most)
			}
			if most := discovertest.MostWithin(asked, time.Second/10); !away.open && size == 1000 && most > size/4 {
				t.Errorf("%+v: asked %d times in a tenth of a second", away, most)
			}
		})
	}
}

// TestReach: who waits is let go when somebody listens for good, when its own
// time is up, and at once where nobody can tell; the next one probes on.
func TestReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := newProber(nil).reach(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("got %v, want that it cannot tell", err)
		}
		p := &port{}
		probe := newProber(p.dial)
		first, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		results := make(chan error, 2)
		go func() { results <- probe.reach(first) }()       // ends with first
		go func() { results <- probe.reach(t.Context()) }() // ends when somebody listens
		if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that its time is up", err)
		}
		p.set(true, false) // accepts and closes
		time.Sleep(time.Second)
		synctest.Wait()
		if len(results) > 0 {
			t.Error("it takes for a registry what closes each connection")
		}
		p.set(true, true)
		start := time.Now()
		if err := <-results; err != nil || time.Since(start) > 400*time.Millisecond {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		if probe.outage != nil {
			t.Errorf("somebody probes on: %+v", probe.outage)
		}
	})
}
