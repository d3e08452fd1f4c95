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

	"github.com/hashicorp/consul/api"
	"google.golang.org/grpc"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/internal/logbook"
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

func listening(t *testing.T) (net.Listener, announce.Registration) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, announce.Registration{
		ID: "web-1", Service: "web", Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port,
		Check: announce.HealthCheck{TCP: l.Addr().String()},
	}
}

// The order of a life, and no request that fails: one that was open when the
// instance left ends well, and one is answered that came in between.
func TestRun(t *testing.T) {
	registry := registryAt(t, agenttest.Start(t).Addr)
	hold := make(chan struct{})
	l, web1 := listening(t)
	url := "http://" + l.Addr().String()
	var events order
	ctx, leave := context.WithCancel(t.Context())
	registered := make(chan struct{})
	r := announce.NewRegistrar(registry, web1, announce.RegistrarConfig{
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
		Source:  registry,
		Settle:  time.Millisecond,
		Ready:   func(context.Context) error { events.note("ready"); return nil },
		Leaving: func() { events.note("says so"); close(hold) },
	}
	ended := make(chan error, 1)
	go func() { ended <- announce.Run(ctx, r, counter{&events, page(hold)}, l, cfg) }() // awaited below
	open := make(chan error, 1)
	go func() { open <- ask(url) }() // the same
	watcher := discover.Watch(registry, web, discover.WatchConfig{})
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
	if _, err := registry.Inspect(t.Context(), "web-1"); !errors.Is(err, announce.ErrNotRegistered) {
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
	registry := registryAt(t, agenttest.Start(t).Addr)
	broken := errors.New("broken")
	tests := map[string]struct {
		spoil func(r *announce.Registration, s *http.Server, cfg *announce.RunConfig)
		want  string
	}{
		"not ready": {func(_ *announce.Registration, _ *http.Server, cfg *announce.RunConfig) {
			cfg.Ready = func(context.Context) error { return broken }
		}, "await readiness: broken"},
		"not announced": {func(r *announce.Registration, _ *http.Server, _ *announce.RunConfig) { r.Port = -1 }, "invalid port"},
		"ends by itself": {func(_ *announce.Registration, s *http.Server, cfg *announce.RunConfig) {
			cfg.Ready = func(context.Context) error { return s.Close() }
		}, "ended by itself"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l, web1 := listening(t)
			server := page(nil)
			left := false
			cfg := announce.RunConfig{Source: registry, Leaving: func() { left = true }}
			test.spoil(&web1, server, &cfg)
			err := announce.Run(t.Context(), announce.NewRegistrar(registry, web1, announce.RegistrarConfig{}), server, l, cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) || !left {
				t.Errorf("got error %v, said so: %v; want %q", err, left, test.want)
			}
			if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
				conn.Close()
				t.Error("it still listens")
			}
			if _, err := registry.Inspect(t.Context(), "web-1"); !errors.Is(err, announce.ErrNotRegistered) {
				t.Errorf("it is still registered: %v", err)
			}
		})
	}
}

// A registry that is away when the instance starts is waited for, and no longer
// than it is said; what was not sent is not taken back.
func TestRunBeforeItsRegistry(t *testing.T) {
	refused := api.StatusError{Code: http.StatusForbidden, Body: "no right"}
	for name, test := range map[string]struct {
		down  error
		back  time.Duration // when the registry is there
		bound time.Duration
		least time.Duration
		most  time.Duration
		fails bool
	}{
		"comes up":          {errDown, 5 * time.Second, 0, 5 * time.Second, 6500 * time.Millisecond, false},
		"stays away":        {errDown, time.Hour, 0, 8500 * time.Millisecond, 10 * time.Second, true},
		"stays longer":      {errDown, time.Minute, 2 * time.Minute, time.Minute, 62 * time.Second, false},
		"is not waited for": {errDown, time.Second, -1, 0, 0, true},
		"refuses":           {refused, time.Second, 0, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := newAway(test.down)
				var book diary
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				began := time.Now()
				var took time.Duration
				r := announce.NewRegistrar(reg, at("10.0.0.1", 80), announce.RegistrarConfig{OnStanding: func(before, now announce.Standing, cause error) {
					book.note(before, now, cause)
					if now == announce.Registered {
						took = time.Since(began)
						leave()
					}
				}})
				time.AfterFunc(test.back, func() { reg.fail(nil); reg.set(nil) })
				err := announce.Run(ctx, r, newIdle(), nowhere{}, announce.RunConfig{Announce: test.bound, Settle: -1})
				if test.fails {
					took = time.Since(began)
					if !errors.Is(err, test.down) || strings.Contains(err.Error(), "taken back") {
						t.Errorf("got error %v, want %v alone", err, test.down)
					}
					book.expect(t, announce.Registering, announce.Withdrawn)
				} else {
					if err != nil {
						t.Errorf("run: %v", err)
					}
					book.expect(t, announce.Registering, announce.Registered, announce.Leaving, announce.Withdrawn)
				}
				if took < test.least || took > test.most {
					t.Errorf("it took %s, want %s to %s", took, test.least, test.most)
				}
			})
		})
	}
}

// A server that ends while the registry is waited for ends the waiting, and so does
// a context, which leaves nothing to wait for.
func TestRunEndsBeforeItsRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newIdle()
		time.AfterFunc(time.Second, func() { _ = server.Shutdown(t.Context()) })
		began := time.Now()
		r := announce.NewRegistrar(newAway(errDown), at("10.0.0.1", 80), announce.RegistrarConfig{})
		err := announce.Run(t.Context(), r, server, nowhere{}, announce.RunConfig{})
		if err == nil || !strings.Contains(err.Error(), "ended by itself") || time.Since(began) != time.Second {
			t.Errorf("got error %v after %s, want that the server ended, after 1 s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		src := discovertest.NewHand()
		if err := announce.Run(ctx, r, newIdle(), nowhere{}, announce.RunConfig{Source: src}); err != nil || time.Since(began) != time.Second {
			t.Errorf("told to end: got error %v after %s, want none after 1 s", err, time.Since(began))
		}
	})
}

// What is taken back of a life that failed is tried for ten seconds; who is told to
// end meanwhile has one more.
func TestAFailedLifeHurries(t *testing.T) {
	for name, test := range map[string]struct{ told, want time.Duration }{
		"nobody tells it": {time.Hour, 10 * time.Second},
		"it is told":      {3 * time.Second, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, signal := context.WithCancel(t.Context())
				defer signal()
				reg, server := newLedger(), newIdle()
				var failed time.Time
				r := announce.NewRegistrar(reg, at("10.0.0.1", 80), announce.RegistrarConfig{OnStanding: func(_, now announce.Standing, _ error) {
					if now == announce.Registered {
						reg.fail(errDown)
						failed = time.Now()
						time.AfterFunc(test.told, signal)
						_ = server.Shutdown(ctx)
					}
				}})
				err := announce.Run(ctx, r, server, nowhere{}, announce.RunConfig{})
				if took := time.Since(failed); !errors.Is(err, errDown) || took != test.want {
					t.Errorf("got error %v after %v, want %v after %v", err, took, errDown, test.want)
				}
			})
		})
	}
}

// Each step of a life is told once; an id that is taken is no life.
func TestRunTellsItsSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		run := func(r *announce.Registrar, server announce.Server) ([]string, error) {
			var log logbook.Book
			ctx, leave := context.WithTimeout(t.Context(), time.Minute)
			defer leave()
			err := announce.Run(ctx, r, server, nowhere{}, announce.RunConfig{Logger: log.Logger()})
			var steps []string
			for _, line := range log.Lines() {
				_, message, _ := strings.Cut(line, "level=INFO msg=")
				steps = append(steps, message)
			}
			return steps, err
		}
		var lan network
		var log logbook.Book
		lan.set("10.0.0.1:80", true)
		first := announce.NewRegistrar(reg, at("10.0.0.1", 80), announce.RegistrarConfig{})
		if err := first.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		var book diary
		cfg := announce.RegistrarConfig{Dial: lan.dial, Logger: log.Logger(), OnStanding: book.note}
		steps, err := run(announce.NewRegistrar(reg, at("10.0.0.2", 80), cfg), newIdle())
		if want := []string{"serving addresses=[nowhere]", "draining", "ended"}; !errors.Is(err, announce.ErrTaken) || !slices.Equal(steps, want) {
			t.Errorf("taken: got %q, error %v; want %q", steps, err, want)
		}
		log.Expect(t)
		book.expect(t, announce.Registering, announce.Withdrawn)
		if err := first.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		steps, err = run(announce.NewRegistrar(reg, at("10.0.0.2", 80), announce.RegistrarConfig{}), newIdle())
		want := []string{"serving addresses=[nowhere]", "announced ids=[web-1]", "withdrawing", `"waiting for readers"`, "draining", "ended"}
		if err != nil || !slices.Equal(steps, want) {
			t.Errorf("got %q, error %v; want %q", steps, err, want)
		}
	})
}

// What cannot be run is an error at once, and listens no more.
func TestRunOfNothing(t *testing.T) {
	r := announce.NewRegistrar(newLedger(), web1, announce.RegistrarConfig{})
	for name, run := range map[string]func(l net.Listener) error{
		"no registrar": func(l net.Listener) error { return announce.Run(t.Context(), nil, page(nil), l, announce.RunConfig{}) },
		"no server":    func(l net.Listener) error { return announce.Run(t.Context(), r, nil, l, announce.RunConfig{}) },
		"a server that is nil": func(l net.Listener) error {
			return announce.Run(t.Context(), r, (*http.Server)(nil), l, announce.RunConfig{})
		},
		"a listener that is nil": func(l net.Listener) error {
			return errors.Join(announce.Run(t.Context(), r, page(nil), (*net.TCPListener)(nil), announce.RunConfig{}), l.Close())
		},
		"no listener": func(l net.Listener) error {
			return announce.RunAll(t.Context(), []announce.Part{{Server: page(nil), Listener: l}, {Server: page(nil)}}, announce.RunConfig{})
		},
		"no parts": func(l net.Listener) error {
			return errors.Join(announce.RunAll(t.Context(), nil, announce.RunConfig{}), l.Close())
		},
	} {
		l, _ := listening(t)
		if err := run(l); !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("%s: got error %v, want ErrInvalid", name, err)
		}
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			conn.Close()
			t.Errorf("%s: it still listens", name)
		}
	}
}

// away is a ledger that cannot be asked for a time.
type away struct {
	*ledger
	mu   sync.Mutex
	down error
}

func newAway(down error) *away {
	a := &away{ledger: newLedger(), down: down}
	a.fail(down)
	return a
}

func (a *away) set(down error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

func (a *away) Inspect(ctx context.Context, id string) (discover.Instance, error) {
	a.mu.Lock()
	down := a.down
	a.mu.Unlock()
	if down != nil {
		return discover.Instance{}, down
	}
	return a.ledger.Inspect(ctx, id)
}

// idle is a server without requests.
type idle struct{ over chan struct{} }

func newIdle() idle { return idle{make(chan struct{}, 2)} }

func (i idle) Serve(net.Listener) error { <-i.over; return http.ErrServerClosed }
func (i idle) Shutdown(context.Context) error {
	i.over <- struct{}{}
	return nil
}

// nowhere is a listener that nobody finds.
type nowhere struct{ net.Listener }

func (nowhere) Addr() net.Addr { return &net.UnixAddr{Name: "nowhere"} }

// A request that does not end is cut off when its time is over, and told of.
func TestRunCutsOff(t *testing.T) {
	registry := registryAt(t, agenttest.Start(t).Addr)
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
		ended <- announce.Run(ctx, announce.NewRegistrar(registry, web1, announce.RegistrarConfig{}), server, l, cfg)
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
	registry := registryAt(t, agenttest.Start(t).Addr)
	l, web1 := listening(t)
	ctx, leave := context.WithCancel(t.Context())
	registered := make(chan struct{}, 1)
	r := announce.NewRegistrar(registry, web1, announce.RegistrarConfig{OnStanding: func(_, now announce.Standing, _ error) {
		if now == announce.Registered {
			registered <- struct{}{}
		}
	}})
	ended := make(chan error, 1)
	go func() { // awaited below
		ended <- announce.Run(ctx, r, announce.Graceful(grpc.NewServer()), l, announce.RunConfig{Source: registry, Settle: time.Millisecond})
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
	registry := registryAt(t, agenttest.Start(t).Addr)
	var events order
	registered := make(chan struct{}, 2)
	part := func(id string, s announce.Server) announce.Part {
		l, about := listening(t)
		about.ID = id
		return announce.Part{Server: s, Listener: l, Registrar: announce.NewRegistrar(registry, about, announce.RegistrarConfig{
			OnStanding: func(_, now announce.Standing, _ error) {
				if now == announce.Registered || now == announce.Withdrawn {
					events.note(string(now))
				}
				if now == announce.Registered {
					registered <- struct{}{}
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
	cfg := announce.RunConfig{Source: registry, Settle: time.Millisecond, Ready: func(context.Context) error {
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
	watcher := discover.Watch(registry, web, discover.WatchConfig{})
	defer watcher.Close()
	awaitStatus(t, watcher, "http-1", discover.Passing)
	awaitStatus(t, watcher, "grpc-1", discover.Passing)
	for range 2 {
		<-registered // a reader may see an instance before the registrar has its answer
	}
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
	registry := registryAt(t, agenttest.Start(t).Addr)
	one, web1 := listening(t)
	two, _ := listening(t)
	broken := page(nil)
	err := announce.RunAll(t.Context(), []announce.Part{
		{Server: page(nil), Listener: one, Registrar: announce.NewRegistrar(registry, web1, announce.RegistrarConfig{})},
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
	if _, err := registry.Inspect(t.Context(), "web-1"); !errors.Is(err, announce.ErrNotRegistered) {
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
				r := announce.NewRegistrar(newLedger(), announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
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
	registry := registryAt(t, agenttest.Start(t).Addr)
	if err := registry.Register(t.Context(), announce.Registration{ID: "web-1", Service: "web"}); err != nil {
		t.Fatal(err)
	}
	watcher := discover.Watch(registry, web, discover.WatchConfig{})
	defer watcher.Close()
	awaitStatus(t, watcher, "web-1", discover.Passing)
	if err := registry.Deregister(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	if told, err := registry.Told(t.Context(), "web", time.Minute); !told || err != nil {
		t.Errorf("got %v, %v", told, err)
	}
}

// maintenance is a leave by way of maintenance: while the instance drains, others
// see that it is there and why nobody is sent to it; then it is gone.
func maintenance(t *testing.T, address string) {
	registry := registryAt(t, address)
	l, web1 := listening(t)
	url := "http://" + l.Addr().String()
	var drained discover.Instance
	var inspected, asked error
	server := page(nil)
	watcher := discover.Watch(registry, web, discover.WatchConfig{})
	defer watcher.Close()
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	// Readers may know of an instance before it knows that it is announced.
	announced := make(chan struct{}, 10)
	r := announce.NewRegistrar(registry, web1, announce.RegistrarConfig{OnStanding: func(_, now announce.Standing, _ error) {
		if now == announce.Registered {
			announced <- struct{}{}
		}
	}})
	drains := shutting{server, func() {
		drained, inspected = registry.Inspect(t.Context(), "web-1")
		asked = ask(url)
	}}
	go func() { // awaited below
		ended <- announce.Run(ctx, r, drains, l, announce.RunConfig{Source: registry, Settle: time.Millisecond, Maintenance: "version 2 comes"})
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
	if _, err := registry.Inspect(t.Context(), "web-1"); !errors.Is(err, announce.ErrNotRegistered) || r.Standing() != announce.Withdrawn {
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

// A server that ends and does not say why, as one of gRPC's that somebody stops, is
// told of in words.
func TestRunOfWhatEndsWithoutAWord(t *testing.T) {
	server := grpc.NewServer()
	l, web1 := listening(t)
	r := announce.NewRegistrar(newLedger(), web1, announce.RegistrarConfig{})
	err := announce.Run(t.Context(), r, announce.Graceful(server), l, announce.RunConfig{Ready: func(context.Context) error { server.Stop(); return nil }})
	if err == nil || !strings.Contains(err.Error(), "ended by itself: ") || strings.Contains(err.Error(), "%!") {
		t.Errorf("got error %v", err)
	}
}
