package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/config"
)

// presence is what is found at a registry's address.
type presence int

const (
	absent  presence = iota // nothing listens there
	unready                 // perhaps a registry, which cannot answer yet: its servers are electing
	foreign                 // something listens, and it is no registry
	ready                   // a registry
)

// How long a registry is waited for.
const (
	probeTimeout  = 5 * time.Second        // for one answer
	probeInterval = 250 * time.Millisecond // between two questions
	readyTimeout  = 30 * time.Second       // for a cluster to elect a leader
)

var errNoLeader = errors.New("it has no leader")

// probe asks for the leader, which only a registry that can do its work has.
// The error says why what is found there is not ready.
func probe(ctx context.Context, client *api.Client) (presence, error) {
	bounded, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	options := (&api.QueryOptions{}).WithContext(bounded)
	leader, err := client.Status().LeaderWithQueryOptions(options)
	if err == nil && leader == "" {
		err = errNoLeader
	}
	found := judge(err)
	if found == foreign && bounded.Err() != nil || ctx.Err() != nil {
		// It was we who broke off, which tells nothing: an agent may look for
		// a leader for longer than we wait.
		found = unready
	}
	return found, brief(err)
}

// brief keeps of a refusal what fits on a line: a stranger answers with a page.
func brief(err error) error {
	var status api.StatusError
	if !errors.As(err, &status) {
		return err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(status.Body), "\n")
	return fmt.Errorf("it answers %d: %.100s", status.Code, line)
}

// judge tells from the answer to the question for the leader what gave it.
func judge(err error) presence {
	var status api.StatusError
	var network *net.OpError
	switch {
	case err == nil:
		return ready
	case errors.As(err, &status):
		// A Consul without a leader says 500; a busy one 429 or 503.
		if status.Code >= 500 || status.Code == http.StatusTooManyRequests {
			return unready
		}
		return foreign
	case errors.As(err, &network) && network.Op == "dial":
		return absent
	case errors.Is(err, errNoLeader):
		return unready
	default:
		return foreign // no HTTP, no JSON, no TLS where we speak it
	}
}

// awaitReady asks until the registry is ready, for a bounded time. One that is
// absent is not waited for, unless it is known to be starting. The error says
// why it is not ready.
func awaitReady(ctx context.Context, client *api.Client, starting bool, logger *slog.Logger) (presence, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for said := false; ; said = true {
		found, err := probe(ctx, client)
		if found == ready || found == foreign || found == absent && !starting {
			return found, err
		}
		if !said {
			logger.Warn("waiting for the registry", "at most", readyTimeout, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return found, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// plan is what to do about the registry.
type plan int

const (
	join   plan = iota // use the one that was found
	embed              // start one in this process
	giveUp             // say what is wrong
)

// decide is the rule for which registry answers. Only a default that nobody
// named is replaced by an embedded registry: who named one would not want
// instances to gather in another.
func decide(mode config.Mode, named bool, found presence) plan {
	switch {
	case mode == config.Embedded:
		return embed
	case found == ready:
		return join
	case found == absent && mode == config.Auto && !named:
		return embed
	default:
		return giveUp
	}
}
