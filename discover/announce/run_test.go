package announce_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/discovertest"
)

// order notes what happened in which order.
type order struct {
	mu   sync.Mutex
	what []string
}

func (o *order) note(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.what = append(o.what, what)
}

// counter is a server that notes what is asked of it.
type counter struct {
	*order
	announce.Server
}

func (c counter) Shutdown(ctx context.Context) error {
	c.note("shut down")
	return c.Server.Shutdown(ctx)
}

// page is an HTTP server whose every answer takes as long as hold.
func page(hold <-chan struct{}) *http.Server {
	return &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hold != nil {
			<-hold
		}
		_, _ = io.WriteString(w, "hello")
	})}
}

func listening(t *testing.T) (net.Listener, discover.Registration) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, discover.Registration{
		ID: "web-1", Service: "web", Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port,
		Check: discover.HealthCheck{TCP: l.Addr().String()},
	}
}

// The order of a life, and no request that fails: one that was open when the
// instance left ends well, and one is answered that came in between.
func TestRun(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	hold := make(chan struct{})
	l, web1 := listening(t)
	url := "http://" + l.Addr().String()
	var events order
	ctx, leave := context.WithCancel(t.Context())
	registered := make(chan struct{})
	r := announce.NewRegistrar(consul, web1, announce.RegistrarConfig{
		OnStanding: func(_, now announce.Standing, _ error) {
			events.note(string(now))
			if now == announce.Registered {
				close(registered)
			}
			if now == announce.Withdrawn { // readers may not know yet
				events.note(fmt.Sprint("answered: ", ask(url) == nil))
			}
		},
	})
	cfg := announce.RunConfig{
		Source:  consul,
		Settle:  time.Millisecond,
		Ready:   func(context.Context) error { events.note("ready"); return nil },
		Leaving: func() { events.note("says so"); close(hold) },
	}
	ended := make(chan error, 1)
	go func() { ended <- announce.Run(ctx, r, counter{&events, page(hold)}, l, cfg) }() // awaited below
	open := make(chan error, 1)
	go func() { open <- ask(url) }() // the same
	watcher := discover.Watch(consul, web, discover.WatchConfig{})
	defer watcher.Close()
	awaitStatus(t, watcher, "web-1", discover.Passing)
	<-registered // readers may see it a moment before its owner knows
	leave()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := <-open; err != nil {
		t.Errorf("the open request: %v", err)
	}
	want := []string{"ready", "registering", "registered", "says so", "leaving", "withdrawn", "answered: true", "shut down"}
	if !slices.Equal(events.what, want) {
		t.Errorf("got %q, want %q", events.what, want)
	}
	if _, err := consul.Inspect(t.Context(), "web-1"); !errors.Is(err, discover.ErrNotRegistered) {
		t.Errorf("after the end: %v", err)
	}
}

// ask makes one request on a connection of its own.
func ask(url string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func TestRunFails(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	broken := errors.New("broken")
	tests := map[string]struct {
		spoil func(r *discover.Registration, s *http.Server, cfg *announce.RunConfig)
		want  string
	}{
		"not ready": {func(_ *discover.Registration, _ *http.Server, cfg *announce.RunConfig) {
			cfg.Ready = func(context.Context) error { return broken }
		}, "not ready: broken"},
		"not announced": {func(r *discover.Registration, _ *http.Server, _ *announce.RunConfig) { r.Port = -1 }, "invalid port"},
		"ends by itself": {func(_ *discover.Registration, s *http.Server, cfg *announce.RunConfig) {
			cfg.Ready = func(context.Context) error { return s.Close() }
		}, "ended by itself"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l, web1 := listening(t)
			server := page(nil)
			left := false
			cfg := announce.RunConfig{Source: consul, Leaving: func() { left = true }}
			test.spoil(&web1, server, &cfg)
			err := announce.Run(t.Context(), announce.NewRegistrar(consul, web1, announce.RegistrarConfig{}), server, l, cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) || !left {
				t.Errorf("got error %v, said so: %v; want %q", err, left, test.want)
			}
			if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
				conn.Close()
				t.Error("it still listens")
			}
			if _, err := consul.Inspect(t.Context(), "web-1"); !errors.Is(err, discover.ErrNotRegistered) {
				t.Errorf("it is still registered: %v", err)
			}
		})
	}
}

// A request that does not end is cut off when its time is over, and told of.
func TestRunCutsOff(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	hold := make(chan struct{})
	defer close(hold)
	l, web1 := listening(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	arrived := make(chan struct{}, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-hold })}
	ended := make(chan error, 1)
	cfg := announce.RunConfig{Settle: time.Millisecond, Drain: 10 * time.Millisecond}
	go func() { // awaited below
		ended <- announce.Run(ctx, announce.NewRegistrar(consul, web1, announce.RegistrarConfig{}), server, l, cfg)
	}()
	asked := make(chan error, 1)
	go func() { asked <- ask("http://" + l.Addr().String()) }() // the same
	<-arrived
	leave()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "cut off after 10ms") {
		t.Errorf("got error %v, want that requests were cut off", err)
	}
	if err := <-asked; err == nil {
		t.Error("the request that hung was answered")
	}
}

// A gRPC server is run as well: it ends with its last stream, or by force.
func TestGraceful(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	l, web1 := listening(t)
	ctx, leave := context.WithCancel(t.Context())
	registered := make(chan struct{}, 1)
	r := announce.NewRegistrar(consul, web1, announce.RegistrarConfig{OnStanding: func(_, now announce.Standing, _ error) {
		if now == announce.Registered {
			registered <- struct{}{}
		}
	}})
	ended := make(chan error, 1)
	go func() { // awaited below
		ended <- announce.Run(ctx, r, announce.Graceful(grpc.NewServer()), l, announce.RunConfig{Source: consul, Settle: time.Millisecond})
	}()
	<-registered
	leave()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}

	stuck := &stuckServer{released: make(chan struct{})}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := announce.Graceful(stuck).Shutdown(over); !errors.Is(err, context.Canceled) {
		t.Errorf("a stream that does not end: got error %v, want the context's", err)
	}
}

// Two servers of one process, HTTP and gRPC, with a registration each: both serve
// before the first is announced, and both are withdrawn before one drains.
func TestRunAll(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	var events order
	part := func(id string, s announce.Server) announce.Part {
		l, about := listening(t)
		about.ID = id
		return announce.Part{Server: s, Listener: l, Registrar: announce.NewRegistrar(consul, about, announce.RegistrarConfig{
			OnStanding: func(_, now announce.Standing, _ error) {
				if now == announce.Registered || now == announce.Withdrawn {
					events.note(string(now))
				}
			},
		})}
	}
	http, grpcs := part("http-1", counter{&events, page(nil)}), part("grpc-1", counter{&events, announce.Graceful(grpc.NewServer())})
	metrics := part("", counter{&events, page(nil)})
	metrics.Registrar = nil
	parts := []announce.Part{http, grpcs, metrics}
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	cfg := announce.RunConfig{Source: consul, Settle: time.Millisecond, Ready: func(context.Context) error {
		for _, p := range parts {
			conn, err := net.Dial("tcp", p.Listener.Addr().String())
			if err != nil {
				return err
			}
			conn.Close()
		}
		events.note("ready")
		return nil
	}}
	go func() { ended <- announce.RunAll(ctx, parts, cfg) }() // awaited below
	watcher := discover.Watch(consul, web, discover.WatchConfig{})
	defer watcher.Close()
	awaitStatus(t, watcher, "http-1", discover.Passing)
	awaitStatus(t, watcher, "grpc-1", discover.Passing)
	leave()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	want := []string{"ready", "registered", "registered", "withdrawn", "withdrawn", "shut down", "shut down", "shut down"}
	if !slices.Equal(events.what, want) {
		t.Errorf("got %q, want %q", events.what, want)
	}
}

// When one server ends by itself, the others leave too.
func TestRunAllFails(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	one, web1 := listening(t)
	two, _ := listening(t)
	broken := page(nil)
	err := announce.RunAll(t.Context(), []announce.Part{
		{Server: page(nil), Listener: one, Registrar: announce.NewRegistrar(consul, web1, announce.RegistrarConfig{})},
		{Server: broken, Listener: two},
	}, announce.RunConfig{Ready: func(context.Context) error { return broken.Close() }})
	if err == nil || !strings.Contains(err.Error(), "ended by itself: http: Server closed") {
		t.Errorf("got error %v", err)
	}
	for _, l := range []net.Listener{one, two} {
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			conn.Close()
			t.Errorf("%s still listens", l.Addr())
		}
	}
	if _, err := consul.Inspect(t.Context(), "web-1"); !errors.Is(err, discover.ErrNotRegistered) {
		t.Errorf("it is still registered: %v", err)
	}
}

func TestMaintenanceOnAnAgent(t *testing.T) { maintenance(t, agenttest.Start(t).Addr) }

// A registry that knows its readers is asked whether it told them; another one is
// given a second.
func TestSettle(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(context.Context) (bool, error)
		want   time.Duration
	}{
		"told":     {func(context.Context) (bool, error) { time.Sleep(30 * time.Millisecond); return true, nil }, 130 * time.Millisecond},
		"not told": {func(ctx context.Context) (bool, error) { time.Sleep(time.Second); return false, nil }, time.Second},
		"unknown":  {func(context.Context) (bool, error) { return false, errors.ErrUnsupported }, time.Second},
		"hangs":    {func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := discovertest.NewHand()
				src.Set("web", discover.Instance{ID: "another"})
				r := announce.NewRegistrar(newLedger(), discover.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
				if err := r.Announce(t.Context()); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if err := announce.Leave(r, page(nil), announce.RunConfig{Source: knowing{src, tc.answer}}); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != tc.want {
					t.Errorf("it left after %s, want %s", took, tc.want)
				}
			})
		})
	}
}

// knowing is a source that knows its readers.
type knowing struct {
	discover.Source
	answer func(context.Context) (bool, error)
}

func (k knowing) Told(ctx context.Context, service string, patience time.Duration) (bool, error) {
	if service != "web" || patience != time.Second {
		return false, errors.New("asked for something else")
	}
	return k.answer(ctx)
}

// Muster's agent knows its readers.
func TestToldOnAnAgent(t *testing.T) {
	consul := registryAt(t, agenttest.Start(t).Addr)
	if err := consul.Register(t.Context(), discover.Registration{ID: "web-1", Service: "web"}); err != nil {
		t.Fatal(err)
	}
	watcher := discover.Watch(consul, web, discover.WatchConfig{})
	defer watcher.Close()
	awaitStatus(t, watcher, "web-1", discover.Passing)
	if err := consul.Deregister(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	if told, err := consul.Told(t.Context(), "web", time.Minute); !told || err != nil {
		t.Errorf("got %v, %v", told, err)
	}
}

// maintenance is a leave by way of maintenance: while the instance drains, others
// see that it is there and why nobody is sent to it; then it is gone.
func maintenance(t *testing.T, address string) {
	consul := registryAt(t, address)
	l, web1 := listening(t)
	url := "http://" + l.Addr().String()
	var drained discover.Instance
	var inspected, asked error
	server := page(nil)
	watcher := discover.Watch(consul, web, discover.WatchConfig{})
	defer watcher.Close()
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	// Readers may know of an instance before it knows that it is announced.
	announced := make(chan struct{}, 10)
	r := announce.NewRegistrar(consul, web1, announce.RegistrarConfig{OnStanding: func(_, now announce.Standing, _ error) {
		if now == announce.Registered {
			announced <- struct{}{}
		}
	}})
	drains := shutting{server, func() {
		drained, inspected = consul.Inspect(t.Context(), "web-1")
		asked = ask(url)
	}}
	go func() { // awaited below
		ended <- announce.Run(ctx, r, drains, l, announce.RunConfig{Source: consul, Settle: time.Millisecond, Maintenance: "version 2 comes"})
	}()
	awaitStatus(t, watcher, "web-1", discover.Passing)
	<-announced
	leave()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if inspected != nil || drained.Status != discover.Maintenance || !strings.Contains(drained.Reason, "version 2 comes") {
		t.Errorf("when it drained: got %s because of %q, %v", drained.Status, drained.Reason, inspected)
	}
	if asked != nil {
		t.Errorf("before it drained it did not answer: %v", asked)
	}
	if _, err := consul.Inspect(t.Context(), "web-1"); !errors.Is(err, discover.ErrNotRegistered) || r.Standing() != announce.Withdrawn {
		t.Errorf("after the end: %v, it stands %s", err, r.Standing())
	}
}

// shutting is a server before whose end something is looked at.
type shutting struct {
	announce.Server
	look func()
}

func (s shutting) Shutdown(ctx context.Context) error {
	s.look()
	return s.Server.Shutdown(ctx)
}

// A registry without maintenance is left as if none was asked for.
func TestNoMaintenance(t *testing.T) {
	l, web1 := listening(t)
	reg := newLedger()
	r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	cfg := announce.RunConfig{Settle: -1, Maintenance: "version 2 comes", Ready: func(context.Context) error { leave(); return nil }}
	go func() { ended <- announce.Run(ctx, r, page(nil), l, cfg) }() // awaited at once
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := r.Pause(t.Context(), "no"); !errors.Is(err, discover.ErrInvalid) {
		t.Errorf("pause: got error %v", err)
	}
	if r.Standing() != announce.Withdrawn {
		t.Errorf("it stands %s", r.Standing())
	}
}

// stuckServer is one whose streams end by force alone.
type stuckServer struct{ released chan struct{} }

func (*stuckServer) Serve(net.Listener) error { return nil }
func (s *stuckServer) GracefulStop()          { <-s.released }
func (s *stuckServer) Stop()                  { close(s.released) }
