package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	gokit "github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/log"
	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// TestGoKit lets go-kit's own registrar and instancer find each other here:
// instances come, fall ill and go, and the instancer tells at once.
func TestGoKit(t *testing.T) {
	registry := agenttest.Start(t)
	client := gokit.NewClient(registry.Client())
	registrar := func(id string, port int) *gokit.Registrar {
		return gokit.NewRegistrar(client, &consul.AgentServiceRegistration{
			Name: "web", ID: id, Address: "127.0.0.1", Port: port, Tags: []string{"blue", "v1"},
			Check: &consul.AgentServiceCheck{TTL: "1h", Status: "passing"},
		}, log.NewNopLogger())
	}
	one, two := registrar("web-1", 8001), registrar("web-2", 8002)
	one.Register()

	instancer := gokit.NewInstancer(client, log.NewNopLogger(), "web", []string{"v1", "blue"}, true)
	defer instancer.Stop()
	events := make(chan sd.Event, 100)
	instancer.Register(events)
	defer instancer.Deregister(events)
	sees := func(want ...string) {
		t.Helper()
		late := time.After(patience)
		for {
			select {
			case event := <-events:
				if event.Err == nil && slices.Equal(event.Instances, want) {
					return
				}
			case <-late:
				t.Fatalf("the instancer does not see %v", want)
			}
		}
	}
	sees("127.0.0.1:8001")
	two.Register()
	sees("127.0.0.1:8001", "127.0.0.1:8002")
	if err := registry.Client().Agent().UpdateTTL("service:web-1", "ill", "critical"); err != nil {
		t.Fatal(err)
	}
	sees("127.0.0.1:8002")
	two.Deregister()
	sees()
	if err := registry.Client().Agent().UpdateTTL("service:web-1", "well", "passing"); err != nil {
		t.Fatal(err)
	}
	sees("127.0.0.1:8001")
	one.Deregister()
	sees()
}
