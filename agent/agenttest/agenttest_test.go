package agenttest_test

import (
	"testing"

	consul "github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/agenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStart(t *testing.T) {
	one, two := agenttest.Start(t), agenttest.Start(t)
	if err := one.Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web"}); err != nil {
		t.Fatal(err)
	}
	for registry, want := range map[*agenttest.Agent]int{one: 1, two: 0} {
		found, _, err := registry.Client().Health().Service("web", "", true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != want {
			t.Errorf("the registry at %s has %d instances, want %d: they must not share", registry.Addr, len(found), want)
		}
	}
}

// TestStopsUnderBlockedReads shows that a test with watches open ends at once.
func TestStopsUnderBlockedReads(t *testing.T) {
	ended := make(chan error, 1)
	t.Run("registry", func(t *testing.T) {
		registry := agenttest.Start(t)
		_, meta, err := registry.Client().Health().Service("web", "", true, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // ends when the registry stops; awaited below
			_, _, err := registry.Client().Health().Service("web", "", true, &consul.QueryOptions{WaitIndex: meta.LastIndex})
			ended <- err
		}()
	})
	if err := <-ended; err == nil {
		t.Error("a read blocked on a stopped registry got an answer, want an error")
	}
}
