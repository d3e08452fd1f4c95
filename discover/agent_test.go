package discover_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

// Consul's source on a real registry: muster's own agent.
func TestConsulIsASource(t *testing.T) {
	discovertest.TestSource(t, func(t *testing.T) discovertest.Registry {
		registry := agenttest.Start(t)
		client := registry.Client()
		return discovertest.Registry{
			Source: registryAt(t, registry.Addr),
			Put: func(t *testing.T, i discover.Instance) {
				t.Helper()
				err := client.Agent().ServiceRegister(&api.AgentServiceRegistration{
					ID: i.ID, Name: i.Service, Address: i.Address, Port: i.Port, Tags: i.Tags, Meta: i.Meta,
					Weights: &api.AgentWeights{Passing: i.Weights.Passing, Warning: i.Weights.Warning},
					Check:   &api.AgentServiceCheck{TTL: "1h", Status: string(i.Status)},
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			Remove: func(t *testing.T, i discover.Instance) {
				t.Helper()
				if err := client.Agent().ServiceDeregister(i.ID); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// The whole life of a registration on a real registry.
func TestRegistrarOnAnAgent(t *testing.T) {
	registry := agenttest.Start(t)
	client, consul := registry.Client(), registryAt(t, registry.Addr)
	if is, err := consul.IsMuster(t.Context()); err != nil || !is {
		t.Errorf("is it muster? got %v, error %v", is, err)
	}
	health := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer health.Close()
	healed := make(chan error, 1)
	registrar := discover.NewRegistrar(consul, discover.Registration{
		ID: "web-1", Service: "web", Address: "127.0.0.1", Port: 80,
		Check: discover.HealthCheck{HTTP: health.URL},
	}, discover.RegistrarConfig{OnHeal: func(cause error) { healed <- cause }})
	if err := registrar.Announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	watcher := discover.Watch(consul, web, discover.WatchConfig{})
	defer watcher.Close()
	if s, err := watcher.First(t.Context()); err != nil || ids(s.Instances) != "web-1" {
		t.Fatalf("announced: got %+v, error %v", s, err)
	}

	altered := &api.AgentServiceRegistration{ID: "web-1", Name: "web", Port: 81}
	for _, harm := range []struct {
		name string
		do   func() error
		want error
	}{
		{"altered", func() error { return client.Agent().ServiceRegister(altered) }, discover.ErrAltered},
		{"deregistered", func() error { return client.Agent().ServiceDeregister("web-1") }, discover.ErrNotRegistered},
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
	if err := discover.AwaitAbsence(t.Context(), consul, web, "web-1"); err != nil {
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
