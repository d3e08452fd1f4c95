package command

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
)

// findPlace finds out what the rule for where to listen, and what to announce,
// needs to know about the registry, and applies it.
func findPlace(ctx context.Context, host string, r *registry, client *consul.Client, logger *slog.Logger) (announce.Place, error) {
	routed, err := client.Route(ctx)
	if err != nil {
		return announce.Place{}, fmt.Errorf("find out what to announce, which -service.host would say: %w", err)
	}
	asked, _ := netip.ParseAddr(host)
	var agent netip.Addr
	if asked.IsValid() && asked.IsUnspecified() && routed.IsLoopback() {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		if agent, err = client.AgentAddress(ctx); err != nil {
			logger.Warn("announcing loopback: the registry does not say under which address it is known", "error", err)
		}
	}
	if asked.IsLoopback() && !routed.IsLoopback() {
		logger.Warn("announcing loopback to a registry on another machine, which cannot check it", "host", host, "registry", r.address)
	}
	return announce.PlaceFor(host, routed, agent), nil
}
