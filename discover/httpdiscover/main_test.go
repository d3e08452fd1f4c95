package httpdiscover_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/httpdiscover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a transport over a source that a test drives by hand.
type fixture struct {
	*discovertest.Hand
	cache     *discover.Cache
	transport *httpdiscover.Transport
	client    *http.Client

	mu       sync.Mutex
	attempts []httpdiscover.Attempt
}

func newFixture(t *testing.T, cfg httpdiscover.Config) *fixture {
	t.Helper()
	f := &fixture{Hand: discovertest.NewHand()}
	f.cache = discover.NewCache(f.Hand, discover.CacheConfig{})
	observe := cfg.Observe
	cfg.Observe = func(a httpdiscover.Attempt) {
		f.mu.Lock()
		f.attempts = append(f.attempts, a)
		f.mu.Unlock()
		if observe != nil {
			observe(a)
		}
	}
	var closeTransport func() error
	f.client, closeTransport = httpdiscover.NewClient(f.cache, cfg)
	f.transport = f.client.Transport.(*httpdiscover.Transport)
	t.Cleanup(func() {
		if err := closeTransport(); err != nil {
			t.Error(err)
		}
		if err := f.cache.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// seen returns the attempts since the last call of it.
func (f *fixture) seen() []httpdiscover.Attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.attempts
	f.attempts = nil
	return seen
}

// failed returns how many of the attempts seen since the last call failed.
func (f *fixture) failed() int {
	failed := 0
	for _, a := range f.seen() {
		if a.Failed {
			failed++
		}
	}
	return failed
}

// backend is a server that counts its requests and connections.
type backend struct {
	*httptest.Server
	instance discover.Instance
	requests atomic.Int64
	open     atomic.Int64  // connections
	closed   chan struct{} // gets a word for each connection that closes
}

func serve(t *testing.T, id string, handler http.HandlerFunc) *backend {
	t.Helper()
	b := newBackend(t, id, handler)
	b.Start()
	b.instance = instanceAt(t, id, b.Listener.Addr().String())
	return b
}

func newBackend(t *testing.T, id string, handler http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{closed: make(chan struct{}, 1000)}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		w.Header().Set("Served-By", id)
		handler(w, r)
	}))
	b.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are meant to
	b.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			b.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			b.open.Add(-1)
			b.closed <- struct{}{}
		}
	}
	b.instance = instanceAt(t, id, b.Listener.Addr().String())
	t.Cleanup(b.Close)
	return b
}

func instanceAt(t *testing.T, id, address string) discover.Instance {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return discover.Instance{ID: id, Address: host, Port: number, Weights: discover.Weights{Passing: 1, Warning: 1}}
}

// nobody returns an instance that refuses connections: on one of the first
// ports, which nobody is given by chance and which take a privilege to open.
func nobody(id string, port int) discover.Instance {
	return discover.Instance{ID: id, Address: "127.0.0.1", Port: port, Weights: discover.Weights{Passing: 1, Warning: 1}}
}

// ok answers with the body "ok".
func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

// do sends a request and reads all of its response.
func (f *fixture) do(t *testing.T, r *http.Request) (status int, by, body string) {
	t.Helper()
	response, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Served-By"), string(text)
}

func request(t *testing.T, ctx context.Context, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
