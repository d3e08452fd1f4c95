package httpdiscover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/httpdiscover"
)

// pipes is a network inside of a process, on which time is synctest's.
type pipes struct {
	mu      sync.Mutex
	servers map[string]*pipe // by address
}

// pipe is the listener of one server.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

// serve starts a server for an instance, until the test ends or it is killed.
func (n *pipes) serve(t *testing.T, i discover.Instance, handler http.HandlerFunc) (kill func()) {
	return n.run(t, i, &http.Server{Handler: handler})
}

func (n *pipes) run(t *testing.T, i discover.Instance, server *http.Server) (kill func()) {
	listener := &pipe{conns: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	if n.servers == nil {
		n.servers = map[string]*pipe{}
	}
	n.servers[i.HostPort()] = listener
	n.mu.Unlock()
	var ended sync.WaitGroup
	ended.Go(func() { _ = server.Serve(listener) }) // ends with the server, awaited by kill
	kill = func() { _ = server.Close(); ended.Wait() }
	t.Cleanup(kill)
	return kill
}

func (n *pipes) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	server := n.servers[address]
	n.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	if server == nil {
		return nil, refused
	}
	here, there := net.Pipe()
	select {
	case server.conns <- there:
		return here, nil
	case <-server.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
}

func (n *pipes) base() *http.Transport { return &http.Transport{DialContext: n.dial} }

func instance(id int) discover.Instance {
	return discover.Instance{ID: fmt.Sprint("web-", id), Address: "10.0.0.1", Port: id, Weights: discover.Weights{Passing: 1}}
}

// Where there is no other instance, what Retry-After says is waited for, if it
// is short and there is the time.
func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		after    string
		deadline time.Duration
		attempts int
		took     time.Duration
	}{
		{"1", time.Hour, 3, 2 * time.Second},
		{"2", time.Hour, 1, 0},
		{"1", time.Second / 2, 1, 0},
		{"1", 3 * time.Second / 2, 2, time.Second},
		{"0", time.Hour, 3, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var network pipes
			network.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", test.after)
				http.Error(w, "failed", http.StatusServiceUnavailable)
			})
			f := newFixture(t, httpdiscover.Config{Base: network.base()})
			f.Set("web", instance(1))
			ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
			defer cancel()
			begin := time.Now()
			status, _, body := f.do(t, request(t, ctx, "GET", "http://web", nil))
			if n, took := len(f.seen()), time.Since(begin); status != 503 || body != "failed\n" || n != test.attempts || took != test.took {
				t.Errorf("Retry-After %s: %d attempts in %s, status %d %q; want %d in %s", test.after, n, took, status, body, test.attempts, test.took)
			}
		})
	}
}

// Where there is another instance nobody waits.
func TestRetryAfterElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		network.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		network.serve(t, instance(2), ok)
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}})
		f.Set("web", instance(1), instance(2))
		begin := time.Now()
		if status, _, _ := f.do(t, request(t, t.Context(), "GET", "http://web", nil)); status != 200 || time.Since(begin) != 0 {
			t.Errorf("got %d after %s", status, time.Since(begin))
		}
	})
}

// An attempt that takes too long is the instance's failure. A body may take as
// long as it likes.
func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		method   string
		attempts int
		took     time.Duration
	}{{"GET", 2, time.Second + time.Minute}, {"POST", 1, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			var network pipes
			network.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			network.serve(t, instance(2), func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).Flush()
				time.Sleep(time.Minute)
				ok(w, r)
			})
			f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}, Retry: httpdiscover.Retry{Timeout: time.Second}})
			f.Set("web", instance(1), instance(2))
			begin := time.Now()
			response, err := f.client.Do(request(t, t.Context(), test.method, "http://web", nil))
			var timeout interface{ Timeout() bool }
			if test.attempts == 1 {
				if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || !strings.HasSuffix(err.Error(), "no response within 1s") {
					t.Errorf("got error %v", err)
				}
			} else if err != nil {
				t.Error(err)
			} else if body, err := io.ReadAll(response.Body); string(body) != "ok" || err != nil {
				t.Errorf("got %q, error %v", body, err)
			}
			attempts := f.seen()
			if took := time.Since(begin); len(attempts) != test.attempts || took != test.took {
				t.Errorf("%s: %d attempts in %s, want %d in %s", test.method, len(attempts), took, test.attempts, test.took)
			}
			if !attempts[0].Failed || attempts[0].Took != time.Second {
				t.Errorf("the first attempt: got %+v", attempts[0])
			}
		})
	}
}

// An instance that refuses a connection is asked once, and then not for a while.
func TestRefusedIsEjectedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		network.serve(t, instance(2), ok)
		f := newFixture(t, httpdiscover.Config{Base: network.base()})
		f.Set("web", instance(1), instance(2))
		for range 25 {
			f.do(t, request(t, t.Context(), "GET", "http://web", nil))
			time.Sleep(time.Second)
		}
		if failed := f.failed(); failed != 1 {
			t.Errorf("it was asked %d times, want once", failed)
		}
	})
}

// A response that breaks off is the target's failure.
func TestBrokenBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		network.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begin")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		network.serve(t, instance(2), ok)
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: balance.Outlier(balance.OutlierConfig{InARow: 1}, balance.RoundRobin())})
		f.Set("web", instance(1), instance(2))
		broke := 0
		for range 10 {
			response, err := f.client.Get("http://web")
			if err != nil {
				t.Fatal(err)
			}
			if _, err = io.ReadAll(response.Body); err != nil {
				broke++
			}
			time.Sleep(time.Second)
		}
		if broke != 1 {
			t.Errorf("%d responses broke off, want one, and its target ejected after it", broke)
		}
	})
}

// A service that nobody calls is not followed for long.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		cache := discover.NewCache(hand, discover.CacheConfig{Idle: time.Second})
		defer cache.Close()
		transport := httpdiscover.New(cache, httpdiscover.Config{Idle: time.Minute})
		defer transport.Close()
		client := &http.Client{Transport: transport}
		watched := func() (n int) {
			for range cache.Each {
				n++
			}
			return n
		}
		for _, step := range []struct {
			call bool
			wait time.Duration
			want int
		}{{true, 50 * time.Second, 1}, {true, 50 * time.Second, 1}, {false, 2 * time.Minute, 0}, {true, time.Second, 1}} {
			if step.call {
				if _, err := client.Get("http://web"); !errors.Is(err, balance.ErrNoInstance) {
					t.Errorf("got error %v", err)
				}
			}
			time.Sleep(step.wait)
			synctest.Wait()
			if got := watched(); got != step.want {
				t.Errorf("%d services are watched, want %d", got, step.want)
			}
		}
	})
}

// A registry that is down is no reason to wait: a request without a deadline is
// told so at once, and one after the registry is back is answered.
func TestRegistryIsDownFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		network.serve(t, instance(1), ok)
		f := newFixture(t, httpdiscover.Config{Base: network.base()})
		why := errors.New("connection refused")
		f.Fail(why)
		f.Set("web", instance(1))
		began := time.Now()
		for range 2 {
			_, err := f.transport.RoundTrip(request(t, context.Background(), "GET", "http://web/", nil))
			if !errors.Is(err, discover.ErrUnavailable) || !errors.Is(err, why) {
				t.Errorf("got error %v, want ErrUnavailable because of %q", err, why)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("to hear that took %s", took)
		}
		f.Fail(nil)
		time.Sleep(2 * time.Second)
		if status, _, body := f.do(t, request(t, t.Context(), "GET", "http://web/", nil)); status != 200 || body != "ok" {
			t.Errorf("when the registry is back: got %d %q", status, body)
		}
	})
}
