package agenttest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// TestTimeOfABubble lets a TTL of 30 seconds run out, which a watch sees. That
// the bubble ends shows that nothing is left behind.
func TestTimeOfABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := agenttest.Start(t, agenttest.InMemory)
		client, err := consul.NewClient(registry.ConfigFor(""))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = client.Agent().ServiceRegister(&consul.AgentServiceRegistration{
			Name: "web", Check: &consul.AgentServiceCheck{TTL: "30s", Status: consul.HealthPassing},
		})
		if err != nil {
			t.Fatal(err)
		}
		entries, meta, err := client.Health().Service("web", "", true, nil)
		if err != nil || len(entries) != 1 {
			t.Fatalf("got %d instances at first, %v; want 1", len(entries), err)
		}
		entries, _, err = client.Health().Service("web", "", true, &consul.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 5 * time.Minute})
		if err != nil || len(entries) != 0 {
			t.Fatalf("got %d instances when the TTL was over, %v; want none", len(entries), err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("the watch saw it after %s, want 30s", took)
		}
	})
}

// TestFaultsInABubble has clients that give up after a minute.
func TestFaultsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := agenttest.Start(t, agenttest.InMemory)
		ask := func(name string) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			_, err := registry.ClientFor(name).Status().LeaderWithQueryOptions((&consul.QueryOptions{}).WithContext(ctx))
			return time.Since(began), err
		}
		heal := registry.Fail(agenttest.Slow(10 * time.Second))
		if took, err := ask(""); took != 10*time.Second || err != nil {
			t.Errorf("slow: got %v after %s, want an answer after 10s", err, took)
		}
		heal()
		heal = registry.Partition("far")
		if took, err := ask("far"); took != time.Minute || err == nil {
			t.Errorf("partitioned: got %v after %s, want nothing for a minute", err, took)
		}
		if took, err := ask("near"); took != 0 || err != nil {
			t.Errorf("beside a partition: got %v after %s, want an answer at once", err, took)
		}
		time.AfterFunc(30*time.Second, heal)
		if took, err := ask("far"); took != 30*time.Second || err != nil {
			t.Errorf("healed: got %v after %s, want an answer after 30s", err, took)
		}
		registry.Kill()
		if took, err := ask(""); took != 0 || err == nil {
			t.Errorf("killed: got %v after %s, want an error at once", err, took)
		}
		registry.Restart()
		if took, err := ask("far"); took != 0 || err != nil {
			t.Errorf("started again: got %v after %s, want an answer at once", err, took)
		}
	})
}
