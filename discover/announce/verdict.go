package announce

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/pace"
)

// awaitVerdict waits until the registry finds the instance well, for as long as
// the configuration says. No result by then is no failure, for a Consul looks for the
// first time within an interval; a bad one is, and one that will not get better
// is at once. The error wraps ErrUnwell.
func (r *Registrar) awaitVerdict(ctx context.Context) error {
	poll := pace.Backoff{First: 10 * time.Millisecond, Last: claimPoll}
	for deadline := time.Now().Add(r.verdict); ; {
		held, err := r.inspector.Inspect(ctx, r.registration.ID)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && (held.Status == discover.Passing || held.Status == discover.Warning):
			return nil
		case err == nil && (r.checked() && unreachable(held.Reason) || time.Now().After(deadline)) && !unjudged(held):
			return r.unwell(ctx, held)
		case time.Now().After(deadline):
			r.logger.Warn("no check has looked yet", "waited", r.verdict, "error", err)
			return nil
		}
		if err := pace.Sleep(ctx, poll.Next()); err != nil {
			return context.Cause(ctx)
		}
	}
}

// unjudged reports whether no check has said anything of i: a registry shows
// those as critical without a text, which makes the status their reason.
func unjudged(i discover.Instance) bool {
	for reason := range strings.SplitSeq(i.Reason, "; ") {
		if reason != "" && !strings.HasSuffix(reason, ": "+string(discover.Critical)) {
			return false
		}
	}
	return true
}

// unreachable reports whether a check failed before it came to the instance:
// who listens before the announcement is not reached a moment later either.
// What an instance answers itself, maybe of others that it cannot reach, begins
// with the request.
func unreachable(reason string) bool {
	_, dialled, found := strings.Cut(reason, "dial tcp")
	if !found || strings.Contains(reason, "HTTP GET ") {
		return false
	}
	for _, sign := range []string{"connection refused", "no route to host", "network is unreachable", "no such host"} {
		if strings.Contains(dialled, sign) {
			return true
		}
	}
	return false
}

// unwell says what the registry found, and what it may come from.
func (r *Registrar) unwell(ctx context.Context, held discover.Instance) error {
	target := r.registration.Check.Target()
	agent := r.agentHost(ctx)
	where := "the registry's agent"
	if agent != "" {
		where += " at " + agent
	}
	if held.Node != "" {
		where += ", node " + held.Node
	}
	err := fmt.Errorf("%w: %s: %s", ErrUnwell, where, held.Reason)
	if hint := r.hint(ctx, target, agent); hint != "" && unreachable(held.Reason) {
		err = fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}

// hint says why a registry may not reach what it looks at; it is empty when
// there is nothing to guess.
func (r *Registrar) hint(ctx context.Context, target, agent string) string {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := r.dial(ctx, "tcp", target)
	if err != nil {
		return fmt.Sprintf("this process cannot connect to %s either: it listens on another address or port, or not yet", target)
	}
	_ = conn.Close() // it has said what it had to
	if isLoopback(host) && agent != "" && !isLoopback(agent) {
		return fmt.Sprintf("to that agent %s is its own machine, and not this process: announce the address that routes to the registry, and listen there", host)
	}
	return fmt.Sprintf("this process can connect to %s, the agent cannot: a firewall, or another network than the agent's, stands between", target)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// checked reports whether the registry itself looks at the instance.
func (r *Registrar) checked() bool { return r.registration.Check.Target() != "" }
