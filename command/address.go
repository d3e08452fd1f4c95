package command

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/internal/pace"
)

// hostToListen applies the library's rule of where to listen. It waits until
// the registry's name is known, where that is what decides.
func hostToListen(ctx context.Context, host string, r announce.Locator, logger *slog.Logger) (string, error) {
	if host != "" {
		return announce.PlaceFor(host, netip.Addr{}, netip.Addr{}).Listen, nil
	}
	routed, err := routeTo(ctx, r, logger)
	return announce.PlaceFor(host, routed, netip.Addr{}).Listen, err
}

// hostToAnnounce finds out what the rule for what to announce needs to know about
// the registry, which is there, and applies it.
func hostToAnnounce(ctx context.Context, host, registry string, client announce.Locator, logger *slog.Logger) (string, error) {
	routed, err := routeTo(ctx, client, logger)
	if err != nil {
		return "", err
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
		logger.Warn("announcing loopback to a registry on another machine, which cannot check it", "host", host, "registry", registry)
	}
	return announce.PlaceFor(host, routed, agent).Announce, nil
}

// routeTo finds the address that routes to the registry. A name that is not
// known yet, and a network that is not there yet, are waited for: in a cluster of
// containers a name comes with the container. The error is that ctx ended.
func routeTo(ctx context.Context, r announce.Locator, logger *slog.Logger) (netip.Addr, error) {
	for said := false; ; said = true {
		routed, err := r.Route(ctx)
		if err == nil {
			return routed, nil
		}
		if !said {
			logger.Warn("waiting for an address that routes to the registry, which -service.host would replace", "error", err)
		}
		if pace.Sleep(ctx, pace.Every) != nil {
			return netip.Addr{}, fmt.Errorf("find out what to announce, which -service.host would say: %w", err)
		}
	}
}
