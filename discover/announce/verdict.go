package announce

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
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
		case err == nil && (r.checked() && r.unreachable(held.Reason) || time.Now().After(deadline)) && !unjudged(held):
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

// answered begins what an instance answers itself, maybe of others that it cannot
// reach.
const answered = "HTTP GET "

// unreachable reports whether a check failed before it came to the instance:
// who listens before the announcement is not reached a moment later either. One
// that went to another port says nothing of that: it may have been under way when
// another process had the id.
func (r *Registrar) unreachable(reason string) bool {
	_, failed, found := strings.Cut(reason, "dial tcp")
	if !found || strings.Contains(reason, answered) || r.ofAnother(reason) {
		return false
	}
	for _, sign := range []string{"connection refused", "no route to host", "network is unreachable", "no such host"} {
		if strings.Contains(failed, sign) {
			return true
		}
	}
	return false
}

// unwell says what the registry found, and what it may come from.
func (r *Registrar) unwell(ctx context.Context, held discover.Instance) error {
	target := r.registration.Check.target()
	agent := r.agentHost(ctx)
	where := "the registry's agent"
	if agent != "" {
		where += " at " + agent
	}
	if held.Node != "" {
		where += ", node " + held.Node
	}
	err := fmt.Errorf("%w: %s: %s", ErrUnwell, where, held.Reason)
	if hint := r.hint(ctx, target, agent); hint != "" && r.unreachable(held.Reason) {
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

// dialled is what the text of a failed check says of where it went to.
var dialled = regexp.MustCompile(`dial tcp (\S+): `)

// ofAnother reports whether a check failed to reach another port than the one
// that it is to look at.
func (r *Registrar) ofAnother(reason string) bool {
	_, ours, err := net.SplitHostPort(r.registration.Check.target())
	found := dialled.FindStringSubmatch(reason)
	if err != nil || found == nil {
		return false
	}
	_, theirs, err := net.SplitHostPort(found[1])
	return err == nil && theirs != ours
}

// judged reports whether Announce waits for what a check finds.
func (r *Registrar) judged() bool { return r.verdict > 0 && r.inspector != nil && r.hasCheck() }

// checked reports whether the registry itself looks at the instance.
func (r *Registrar) checked() bool { return r.registration.Check.target() != "" }
