package announce_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/discovertest"
)

// awaitStatus waits until a reader sees id with the given status, and returns
// the reason.
func awaitStatus(t *testing.T, w *discover.Watcher, id string, want discover.Status) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		changed := w.Changed()
		s, _ := w.Snapshot()
		for _, i := range append(append([]discover.Instance{}, s.Instances...), s.Unhealthy...) {
			if i.ID == id && i.Status == want {
				return i.Reason
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s is not seen %s: %+v", id, want, s)
		}
	}
}

// clientAt returns a client that keeps no connections.
func clientAt(t *testing.T, address string) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: address, HttpClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestHeartbeatsOnAnAgent(t *testing.T) { heartbeats(t, agenttest.Start(t).Addr) }

func TestIDThatIsTakenOnAnAgent(t *testing.T) { takenID(t, agenttest.Start(t).Addr) }

func TestVerdictOnAnAgent(t *testing.T) {
	verdict(t, agenttest.Start(t).Addr, 300*time.Millisecond)
}

func TestLostCheckOnAnAgent(t *testing.T) {
	address := agenttest.Start(t).Addr
	for _, id := range []string{`web "1"`, "web `\\\""} {
		lostCheck(t, address, id)
	}
}

// lostCheck is a registration whose check somebody takes away, and nothing else:
// while it serves, and while it is in maintenance.
func lostCheck(t *testing.T, address, id string) {
	source := registryOf(t, address, consul.Config{Wait: 100 * time.Millisecond})
	watcher := discover.Watch(source, web, discover.WatchConfig{})
	defer watcher.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	healed := make(chan error, 10)
	r := announce.NewRegistrar(source, announce.Registration{
		ID: id, Service: "web", Check: announce.HealthCheck{TCP: listener.Addr().String(), Interval: 50 * time.Millisecond},
	}, announce.RegistrarConfig{OnStanding: onHeal(func(cause error) { healed <- cause })})
	if err := r.Pause(t.Context(), "early"); !errors.Is(err, announce.ErrNotRegistered) {
		t.Errorf("pause before the announcement: got error %v", err)
	}
	if err := r.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	takeCheck := func() {
		t.Helper()
		if err := source.Examine(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := clientAt(t, address).Agent().CheckDeregister("service:" + id); err != nil {
			t.Fatal(err)
		}
		if cause := <-healed; !errors.Is(cause, announce.ErrNotRegistered) {
			t.Errorf("healed because of %v", cause)
		}
		if err := source.Examine(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	takeCheck()
	awaitStatus(t, watcher, id, discover.Passing)
	if err := r.Pause(t.Context(), "being mended"); err != nil {
		t.Fatal(err)
	}
	if reason := awaitStatus(t, watcher, id, discover.Maintenance); !strings.Contains(reason, "being mended") {
		t.Errorf("in maintenance because of %q", reason)
	}
	takeCheck()
	if held, err := source.Inspect(t.Context(), id); err != nil || held.Status != discover.Maintenance {
		t.Errorf("put back, it is %s, %v; want it in maintenance still", held.Status, err)
	}
	if err := r.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{source.Examine(t.Context(), id), source.Maintain(t.Context(), id, "late")} {
		if !errors.Is(err, announce.ErrNotRegistered) {
			t.Errorf("after the end: got error %v", err)
		}
	}
}

// heartbeats is health of one's own on a real registry: told, changed, healed,
// killed.
func heartbeats(t *testing.T, address string) {
	source := registryAt(t, address)
	watcher := discover.Watch(source, discover.Query{Service: "job"}, discover.WatchConfig{})
	defer watcher.Close()
	var sick atomic.Bool
	var healed atomic.Int32
	check := announce.HealthCheck{TTL: 600 * time.Millisecond}
	r := announce.NewRegistrar(source, announce.Registration{ID: "job-1", Service: "job", Check: check}, announce.RegistrarConfig{
		Health: func(context.Context) error {
			if sick.Load() {
				return errors.New("no database")
			}
			return nil
		},
		OnStanding: onHeal(func(error) { healed.Add(1) }),
	})
	if err := r.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, watcher, "job-1", discover.Passing)
	sick.Store(true)
	if reason := awaitStatus(t, watcher, "job-1", discover.Critical); !strings.Contains(reason, "no database") {
		t.Errorf("critical because of %q", reason)
	}
	sick.Store(false)
	r.Refresh()
	awaitStatus(t, watcher, "job-1", discover.Passing)

	if err := clientAt(t, address).Agent().CheckDeregister("service:job-1"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); healed.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a lost check was not put back")
		}
	}
	awaitStatus(t, watcher, "job-1", discover.Passing)
	if err := r.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}

	// What a killed process leaves behind is critical when its TTL is over.
	if err := source.Register(t.Context(), announce.Registration{ID: "job-2", Service: "job", Check: check}); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, watcher, "job-2", discover.Critical)

	looked := announce.Registration{ID: "web-1", Service: "web", Check: announce.HealthCheck{TCP: "127.0.0.1:1", Interval: time.Hour}}
	if err := source.Register(t.Context(), looked); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"nobody", "web-1"} {
		if err := source.Report(t.Context(), id, discover.Passing, ""); !errors.Is(err, announce.ErrNotRegistered) {
			t.Errorf("report on %s: got error %v, want that it has no such check", id, err)
		}
	}
}

// takenID is a second process under an id, while the first lives and after it.
func takenID(t *testing.T, address string) {
	source := registryAt(t, address)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	first := announce.Registration{ID: "web-1", Service: "web", Address: "127.0.0.1", Port: port, Check: announce.HealthCheck{TCP: listener.Addr().String()}}
	second := first
	second.Port = 1
	a := announce.NewRegistrar(source, first, announce.RegistrarConfig{})
	b := announce.NewRegistrar(source, second, announce.RegistrarConfig{})
	if err := a.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	var taken *announce.TakenError
	if err := b.Announce(t.Context()); !errors.As(err, &taken) || taken.Address != listener.Addr().String() || taken.Node == "" || taken.Since.IsZero() {
		t.Errorf("got error %v, %+v; want to know who has it", err, taken)
	}
	if err := b.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held, err := source.Inspect(t.Context(), "web-1"); err != nil || held.Port != port {
		t.Errorf("after the other one withdrew: got %+v, error %v", held, err)
	}
	if err := listener.Close(); err != nil { // it crashes
		t.Fatal(err)
	}
	if err := b.Announce(t.Context()); err != nil {
		t.Errorf("the place of a dead one: %v", err)
	}
	for _, r := range []*announce.Registrar{b, a} {
		if err := r.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := source.Inspect(t.Context(), "web-1"); !errors.Is(err, announce.ErrNotRegistered) {
		t.Errorf("got error %v, want ErrNotRegistered", err)
	}
}

// verdict is what the registry's own first checks find, which look within
// patience.
func verdict(t *testing.T, address string, patience time.Duration) {
	source := registryAt(t, address)
	var status atomic.Int32
	status.Store(503)
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer health.Close()
	try := func(url string, verdict time.Duration) error {
		r := announce.NewRegistrar(source, announce.Registration{
			ID: "web-1", Service: "web", Address: "127.0.0.1", Port: 1, Check: announce.HealthCheck{HTTP: url, Interval: 50 * time.Millisecond},
		}, announce.RegistrarConfig{Verdict: verdict})
		defer r.Withdraw(context.WithoutCancel(t.Context()))
		return r.Announce(t.Context())
	}
	if err := try(health.URL, patience); !errors.Is(err, announce.ErrUnwell) || !strings.Contains(err.Error(), "503") {
		t.Errorf("unwell: got error %v", err)
	}
	if err := try("http://127.0.0.1:1/", time.Minute); !errors.Is(err, announce.ErrUnwell) || !strings.Contains(err.Error(), "cannot connect to 127.0.0.1:1 either") {
		t.Errorf("unreachable: got error %v", err)
	}
	status.Store(200)
	if err := try(health.URL, time.Minute); err != nil {
		t.Errorf("well: got error %v", err)
	}
}

func TestComeBackOnAnAgent(t *testing.T) { comeBack(t, agenttest.Start(t).Addr) }

// comeBack is an instance that crashed, was found dead, and is started again under
// its id on another port: nothing that was found before counts for it.
func comeBack(t *testing.T, address string) {
	source := registryAt(t, address)
	health := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer health.Close()
	listener := health.Listener.Addr().(*net.TCPAddr)
	alive := announce.Registration{
		ID: "web-1", Service: "web", Address: "127.0.0.1", Port: listener.Port,
		Check: announce.HealthCheck{HTTP: health.URL, Interval: time.Second},
	}
	crashed := alive
	crashed.Port, crashed.Check.HTTP = 1, "http://127.0.0.1:1/"
	crashed.Meta = map[string]string{ownerKey: "2026-01-02T03:04:05Z/ghost"}
	for _, wait := range []time.Duration{time.Minute, 0} {
		if err := source.Register(t.Context(), crashed); err != nil {
			t.Fatal(err)
		}
		// The agent itself is asked: a watch may still show what was before.
		for held, deadline := (discover.Instance{}), time.Now().Add(20*time.Second); held.Status != discover.Critical; time.Sleep(time.Millisecond) {
			var err error
			if held, err = source.Inspect(t.Context(), "web-1"); err != nil || time.Now().After(deadline) {
				t.Fatalf("got %+v, error %v; want it critical", held, err)
			}
		}
		again := alive
		if wait == 0 {
			again.Check.Interval = time.Hour // no look of its own makes it passing
		}
		r := announce.NewRegistrar(source, again, announce.RegistrarConfig{Verdict: wait})
		if err := r.Announce(t.Context()); err != nil {
			t.Fatalf("with a verdict of %s: %v", wait, err)
		}
		if held, err := source.Inspect(t.Context(), "web-1"); err != nil || held.Status != discover.Passing || held.Port != listener.Port {
			t.Errorf("with a verdict of %s: got %+v, error %v; want it passing at port %d", wait, held, err, listener.Port)
		}
		if err := r.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// The whole life of a registration on a real registry.
func TestRegistrarOnAnAgent(t *testing.T) {
	registry := agenttest.Start(t)
	client, source := registry.Client(), registryAt(t, registry.Addr)
	if is, err := source.IsMuster(t.Context()); err != nil || !is {
		t.Errorf("is it muster? got %v, error %v", is, err)
	}
	health := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer health.Close()
	healed := make(chan error, 1)
	registrar := announce.NewRegistrar(source, announce.Registration{
		ID: "web-1", Service: "web", Address: "127.0.0.1", Port: 80,
		Check: announce.HealthCheck{HTTP: health.URL},
	}, announce.RegistrarConfig{OnStanding: onHeal(func(cause error) { healed <- cause })})
	if err := registrar.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	watcher := discover.Watch(source, web, discover.WatchConfig{})
	defer watcher.Close()
	if s, err := watcher.First(t.Context()); err != nil || discovertest.IDs(s.Instances) != "web-1" {
		t.Fatalf("announced: got %+v, error %v", s, err)
	}

	altered := &api.AgentServiceRegistration{ID: "web-1", Name: "web", Port: 81}
	for _, harm := range []struct {
		name string
		do   func() error
		want error
	}{
		{"altered", func() error { return client.Agent().ServiceRegister(altered) }, announce.ErrAltered},
		{"deregistered", func() error { return client.Agent().ServiceDeregister("web-1") }, announce.ErrNotRegistered},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := harm.do(); err != nil {
			t.Fatal(err)
		}
		select {
		case cause := <-healed:
			if !errors.Is(cause, harm.want) {
				t.Errorf("%s: healed because of %v, want %v", harm.name, cause, harm.want)
			}
			awaitPort(t, ctx, watcher, 80)
		case <-ctx.Done():
			t.Errorf("%s: not put back within 2 s", harm.name)
		}
	}

	if err := registrar.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := announce.AwaitAbsence(t.Context(), source, web, "web-1"); err != nil {
		t.Error(err)
	}
}

// awaitPort waits until one instance is passing at port.
func awaitPort(t *testing.T, ctx context.Context, w *discover.Watcher, port int) {
	t.Helper()
	for {
		changed := w.Changed()
		if s, _ := w.Snapshot(); len(s.Instances) == 1 && s.Instances[0].Port == port {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s, _ := w.Snapshot()
			t.Fatalf("not found again within 2 s: %+v", s)
		}
	}
}
