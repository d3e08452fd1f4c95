package agent_test

import (
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"

	"github.com/realjf/muster/agent/agenttest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// TestWatchPlans runs every kind of plan that "consul watch" and its
// configuration have: each sees how things are, and then a change.
func TestWatchPlans(t *testing.T) {
	announce := func(id, status string) func(*consul.Client) error {
		return func(client *consul.Client) error {
			return client.Agent().ServiceRegister(&consul.AgentServiceRegistration{
				Name: "web", ID: id, Port: 80, Tags: []string{"v1"}, Check: &consul.AgentServiceCheck{TTL: "1h", Status: status},
			})
		}
	}
	tag := func(client *consul.Client) error {
		return client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", ID: "web-2", Tags: []string{"v2"}})
	}
	put := func(key string) func(*consul.Client) error {
		return func(client *consul.Client) error {
			_, err := client.KV().Put(&consul.KVPair{Key: key, Value: []byte("new")}, nil)
			return err
		}
	}
	for _, tc := range []struct {
		name   string
		params map[string]any
		change func(*consul.Client) error
		shows  func(result any) bool // the change
	}{
		{"key", map[string]any{"type": "key", "key": "dir/a"}, put("dir/a"),
			func(r any) bool {
				pair, ok := r.(*consul.KVPair)
				return ok && pair != nil && string(pair.Value) == "new"
			}},
		{"keyprefix", map[string]any{"type": "keyprefix", "prefix": "dir/"}, put("dir/a"),
			func(r any) bool { pairs, ok := r.(consul.KVPairs); return ok && len(pairs) == 1 }},
		{"services", map[string]any{"type": "services"}, tag,
			func(r any) bool { return len(r.(map[string][]string)["web"]) == 2 }},
		{"services by filter", map[string]any{"type": "services", "filter": "ServiceName == web"}, tag,
			func(r any) bool { all := r.(map[string][]string); return len(all) == 1 && len(all["web"]) == 2 }},
		{"nodes", map[string]any{"type": "nodes"}, func(client *consul.Client) error {
			_, err := client.Catalog().Register(&consul.CatalogRegistration{Node: "outside", Address: "10.0.0.1"}, nil)
			return err
		}, func(r any) bool { return len(r.([]*consul.Node)) == 2 }},
		{"service", map[string]any{"type": "service", "service": "web"}, announce("web-2", "critical"),
			func(r any) bool { return len(r.([]*consul.ServiceEntry)) == 2 }},
		{"service that passes, by tags", map[string]any{"type": "service", "service": "web", "passingonly": true, "tag": []any{"v1"}},
			announce("web-2", "passing"), func(r any) bool { return len(r.([]*consul.ServiceEntry)) == 2 }},
		{"checks", map[string]any{"type": "checks"}, announce("web-2", "critical"),
			func(r any) bool { return len(r.([]*consul.HealthCheck)) == 3 }},
		{"checks of a service", map[string]any{"type": "checks", "service": "web"}, announce("web-2", "critical"),
			func(r any) bool { return len(r.([]*consul.HealthCheck)) == 2 }},
		{"checks in a state", map[string]any{"type": "checks", "state": "critical"}, announce("web-2", "critical"),
			func(r any) bool { return len(r.([]*consul.HealthCheck)) == 1 }},
		{"event", map[string]any{"type": "event", "name": "deploy"}, func(client *consul.Client) error {
			_, _, err := client.Event().Fire(&consul.UserEvent{Name: "deploy", Payload: []byte("v2")}, nil)
			return err
		}, func(r any) bool {
			events := r.([]*consul.UserEvent)
			return len(events) == 1 && string(events[0].Payload) == "v2"
		}},
		{"agent_service", map[string]any{"type": "agent_service", "service_id": "web-1"}, func(client *consul.Client) error {
			return client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", ID: "web-1", Port: 81})
		}, func(r any) bool { return r.(*consul.AgentService).Port == 81 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := agenttest.Start(t).Client()
			if err := announce("web-1", "passing")(client); err != nil {
				t.Fatal(err)
			}
			plan, err := watch.Parse(tc.params)
			if err != nil {
				t.Fatal(err)
			}
			results := make(chan any, 100)
			plan.HybridHandler = func(_ watch.BlockingParamVal, result any) { results <- result }
			ended := make(chan error, 1)
			// Ends with Stop; awaited in the cleanup.
			go func() { ended <- plan.RunWithClientAndHclog(client, nil) }()
			t.Cleanup(func() {
				plan.Stop()
				if err := <-ended; err != nil {
					t.Errorf("the plan ended: %v", err)
				}
			})

			late := time.After(patience)
			select {
			case first := <-results:
				if tc.shows(first) {
					t.Fatalf("the change is seen before it is made: %v", first)
				}
			case <-late:
				t.Fatal("the plan does not see how things are")
			}
			if err := tc.change(client); err != nil {
				t.Fatal(err)
			}
			for {
				select {
				case result := <-results:
					if tc.shows(result) {
						return
					}
				case <-late:
					t.Fatal("the plan does not see the change")
				}
			}
		})
	}
}
