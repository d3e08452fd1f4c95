package discover_test

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

// Health of one's own on a real registry: told, changed, healed, killed.
func TestHeartbeatsOnAnAgent(t *testing.T) {
	client := agenttest.Start(t).Client()
	consul := discover.NewConsul(client, discover.ConsulConfig{})
	watcher := discover.Watch(consul, discover.Query{Service: "job"}, discover.WatchConfig{})
	defer watcher.Close()
	var sick atomic.Bool
	var healed atomic.Int32
	check := discover.HealthCheck{TTL: 600 * time.Millisecond}
	r := discover.NewRegistrar(consul, discover.Registration{ID: "job-1", Service: "job", Check: check}, discover.RegistrarConfig{
		Health: func(context.Context) error {
			if sick.Load() {
				return errors.New("no database")
			}
			return nil
		},
		OnHeal: func(error) { healed.Add(1) },
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

	// Somebody takes its check away, and puts one of another kind there.
	for _, harm := range []func() error{
		func() error { return client.Agent().CheckDeregister("service:job-1") },
		func() error {
			return client.Agent().CheckRegister(&api.AgentCheckRegistration{
				ID: "service:job-1", Name: "x", ServiceID: "job-1",
				AgentServiceCheck: api.AgentServiceCheck{TCP: "127.0.0.1:1", Interval: "1h"},
			})
		},
	} {
		before := healed.Load()
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); healed.Load() == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("a lost check was not put back")
			}
		}
		awaitStatus(t, watcher, "job-1", discover.Passing)
	}
	if err := r.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}

	// What a killed process leaves behind is critical when its TTL is over.
	if err := consul.Register(t.Context(), discover.Registration{ID: "job-2", Service: "job", Check: check}); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, watcher, "job-2", discover.Critical)
	if err := consul.Report(t.Context(), "nobody", discover.Passing, ""); !errors.Is(err, discover.ErrNotRegistered) {
		t.Errorf("report on nobody: got error %v", err)
	}
}

func TestIDThatIsTakenOnAnAgent(t *testing.T) {
	consul := discover.NewConsul(agenttest.Start(t).Client(), discover.ConsulConfig{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	first := discover.Registration{ID: "web-1", Service: "web", Address: "127.0.0.1", Port: port, Check: discover.HealthCheck{TCP: listener.Addr().String()}}
	second := first
	second.Port = 1
	a := discover.NewRegistrar(consul, first, discover.RegistrarConfig{})
	b := discover.NewRegistrar(consul, second, discover.RegistrarConfig{})
	if err := a.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	var taken *discover.TakenError
	if err := b.Announce(t.Context()); !errors.As(err, &taken) || taken.Address != listener.Addr().String() || taken.Node == "" || taken.Since.IsZero() {
		t.Errorf("got error %v, %+v; want to know who has it", err, taken)
	}
	if err := b.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held, err := consul.Inspect(t.Context(), "web-1"); err != nil || held.Port != port {
		t.Errorf("after the other one withdrew: got %+v, error %v", held, err)
	}
	if err := listener.Close(); err != nil { // it crashes
		t.Fatal(err)
	}
	if err := b.Announce(t.Context()); err != nil {
		t.Errorf("the place of a dead one: %v", err)
	}
	for _, r := range []*discover.Registrar{b, a} {
		if err := r.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := consul.Inspect(t.Context(), "web-1"); !errors.Is(err, discover.ErrNotRegistered) {
		t.Errorf("got error %v, want ErrNotRegistered", err)
	}
}

func TestVerdictOnAnAgent(t *testing.T) {
	consul := discover.NewConsul(agenttest.Start(t).Client(), discover.ConsulConfig{})
	var status atomic.Int32
	status.Store(503)
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer health.Close()
	announce := func(url string, verdict time.Duration) error {
		r := discover.NewRegistrar(consul, discover.Registration{
			ID: "web-1", Service: "web", Address: "127.0.0.1", Port: 1, Check: discover.HealthCheck{HTTP: url, Interval: 50 * time.Millisecond},
		}, discover.RegistrarConfig{Verdict: verdict})
		defer r.Withdraw(context.WithoutCancel(t.Context()))
		return r.Announce(t.Context())
	}
	if err := announce(health.URL, 300*time.Millisecond); !errors.Is(err, discover.ErrUnwell) || !strings.Contains(err.Error(), "503") {
		t.Errorf("unwell: got error %v", err)
	}
	if err := announce("http://127.0.0.1:1/", time.Minute); !errors.Is(err, discover.ErrUnwell) || !strings.Contains(err.Error(), "cannot connect to 127.0.0.1:1 either") {
		t.Errorf("unreachable: got error %v", err)
	}
	status.Store(200)
	if err := announce(health.URL, time.Minute); err != nil {
		t.Errorf("well: got error %v", err)
	}
}
