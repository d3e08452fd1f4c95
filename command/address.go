package command

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/place"
)

// locator is a registry that knows where it is, and where its agent is.
type locator interface {
	Route(ctx context.Context) (netip.Addr, error)
	AgentAddress(ctx context.Context) (netip.Addr, error)
}

// hostToListen applies the library's rule of where to listen. It waits until
// the registry's name is known, where that is what decides.
func hostToListen(ctx context.Context, host string, r locator, logger *slog.Logger) (string, error) {
	if host != "" {
		return host, nil
	}
	routed, err := routeTo(ctx, r, logger)
	listen, _ := place.For(host, routed, netip.Addr{})
	return listen, err
}

// hostToAnnounce finds out what the rule for what to announce needs to know about
// the registry, which is there, and applies it.
func hostToAnnounce(ctx context.Context, host, registry string, client locator, logger *slog.Logger) (string, error) {
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
	_, announced := place.For(host, routed, agent)
	return announced, nil
}

// routeTo finds the address that routes to the registry. A name that is not
// known yet, and a network that is not there yet, are waited for: in a cluster of
// containers a name comes with the container. The error is that ctx ended.
func routeTo(ctx context.Context, r locator, logger *slog.Logger) (netip.Addr, error) {
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
