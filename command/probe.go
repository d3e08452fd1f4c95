package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/internal/pace"
)

// presence is what is found at a registry's address.
type presence int

const (
	absent  presence = iota // nothing listens there
	unready                 // perhaps a registry, which cannot answer yet: its servers are electing
	foreign                 // something listens, and it is no registry
	ready                   // a registry
)

// probeTimeout is how long one answer is waited for.
const probeTimeout = 5 * time.Second

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
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return unready // so does what stands before a container that does not listen yet
	default:
		return foreign // no HTTP, no JSON, no TLS where we speak it
	}
}

// await returns when the registry can do its work. Where it is not there yet, it
// tells awaits why, once, and asks on, about once a second, until ctx ends. A
// stranger at its address is an error where it is the first that is found: an
// address that is wrong. One who has waited goes on, for what stands before a registry may answer
// in its place until that is there.
func (r *registry) await(ctx context.Context, awaits func(why error)) error {
	var turn pace.Turn
	for waiting := false; ; waiting = true {
		found, err := probe(ctx, r.client)
		switch {
		case found == ready:
			return nil
		case found == foreign && !waiting:
			return explain(r.address, err)
		case !waiting && ctx.Err() == nil:
			awaits(err)
		}
		if pace.Sleep(ctx, turn.Next()) != nil {
			return fmt.Errorf("wait for the registry at %s: %w", r.address, err)
		}
	}
}

// explain says that somebody else answers at address, and what to do.
func explain(address string, cause error) error {
	return fmt.Errorf("what answers at %s is no Consul registry (%w): name another with -consul.host and -consul.port; CONSUL_HTTP_SSL says whether it speaks HTTPS", address, cause)
}
