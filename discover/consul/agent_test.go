package consul_test

import (
	"testing"

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
