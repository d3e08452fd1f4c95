package api

import "testing"

// TestConsistencyIsTold asks with Consul's discovery_max_stale and without. What
// is wanted was observed on a Consul 1.19.2.
func TestConsistencyIsTold(t *testing.T) {
	fresh, stale := open(t, Config{}), open(t, Config{Settings: Settings{StaleDiscovery: true}})
	for _, tc := range []struct{ path, fresh, stale string }{
		{"catalog/nodes", "leader", "stale"},
		{"catalog/services?leader", "leader", "leader"},
		{"catalog/services?consistent", "consistent", "consistent"},
		{"catalog/services?stale", "stale", "stale"},
		{"catalog/services?cached", "leader", "leader"},
		{"catalog/services?max_stale=1s", "stale", "stale"},
		{"catalog/services?max_stale=0s", "leader", "stale"},
		{"health/service/web", "leader", "stale"},
		{"health/node/n1?leader", "leader", "leader"},
		{"kv/?keys", "", ""},
		{"internal/ui/nodes?stale", "", ""},
	} {
		for _, of := range []struct {
			door door
			want string
		}{{fresh, tc.fresh}, {stale, tc.stale}} {
			if got := of.door.get("/v1/" + tc.path).header.Get("X-Consul-Effective-Consistency"); got != of.want {
				t.Errorf("%s: got %q, want %q", tc.path, got, of.want)
			}
		}
	}
}
