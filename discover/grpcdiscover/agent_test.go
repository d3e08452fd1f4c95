package grpcdiscover_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/grpcdiscover"
)

// TestOverARegistry has servers announce themselves in a real registry, with
// gRPC's health service as their check.
func TestOverARegistry(t *testing.T) {
	registry, err := consul.New(agenttest.Start(t).ConfigFor(""), consul.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.CloseIdleConnections)
	w := &world{cache: discover.NewCache(registry, discover.CacheConfig{})}
	t.Cleanup(func() { _ = w.cache.Close() })
	announce := func(s *server) *announce.Registrar {
		registrar := announce.NewRegistrar(registry, announce.Registration{
			ID: s.id, Service: "web", Address: s.addr.IP.String(), Port: s.addr.Port,
			Check: announce.HealthCheck{GRPC: s.addr.String(), Interval: 20 * time.Millisecond},
		}, announce.RegistrarConfig{})
		if err := registrar.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = registrar.Withdraw(context.Background()) })
		return registrar
	}
	a, b := serve(t, "a"), serve(t, "b")
	announce(a)
	leaving := announce(b)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{})
	all(t, conn, a, b)

	if err := leaving.Withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}
	all(t, conn, a)
	// Its check is the server's own word.
	a.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	wantStatus(t, awaitFailure(t, conn), codes.Unavailable, "all 1 known are out", "NOT_SERVING")
	a.health.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	all(t, conn, a)
}
