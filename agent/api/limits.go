package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"github.com/realjf/muster/agent/telemetry"
)

// Limits bound what clients may ask for. The zero value has Consul's defaults.
// https://developer.hashicorp.com/consul/docs/agent/config/config-files#limits
type Limits struct {
	// ValueBytes is how large the value of a key may be, and TransactionBytes
	// how large the body of a transaction, which is never less. 0 is 512 KiB.
	// More lets one client take more of the agent's memory.
	ValueBytes       int
	TransactionBytes int
	// SnapshotBytes is how large the state in a snapshot that is restored may be,
	// before it was compressed. 0 is 1 GiB. It is held in memory beside the one
	// that it takes the place of.
	SnapshotBytes int
	// Mode says what is done about requests beyond ReadRate and WriteRate: how
	// many that read, and that write, are let in per second, from all clients
	// together. Ten times as many may come at once. 0 or less is no bound.
	Mode      RateMode
	ReadRate  float64
	WriteRate float64
}

// RateMode says what is done about requests that come too fast.
type RateMode string

// The modes, as Consul's configuration calls them.
const (
	RateDisabled   RateMode = "disabled" // nothing, and nobody counts; so does the empty mode
	RatePermissive RateMode = "permissive"
	RateEnforcing  RateMode = "enforcing"
)

// Valid returns what is wrong with the limits, or nil.
func (l Limits) Valid() error {
	var faults []error
	if l.ValueBytes < 0 || l.TransactionBytes < 0 || l.SnapshotBytes < 0 {
		faults = append(faults, fmt.Errorf("size limits %d, %d and %d: want 0, for the default, or more", l.ValueBytes, l.TransactionBytes, l.SnapshotBytes))
	}
	switch l.Mode {
	case "", RateDisabled, RatePermissive, RateEnforcing:
	default:
		faults = append(faults, fmt.Errorf("rate limit mode %q: want %s, %s or %s", l.Mode, RateDisabled, RatePermissive, RateEnforcing))
	}
	return errors.Join(faults...)
}

func (l Limits) valueBytes() int { return cmp.Or(l.ValueBytes, maxBody) }

func (l Limits) snapshotBytes() int { return cmp.Or(l.SnapshotBytes, 1<<30) }

func (l Limits) transactionBytes() int {
	return max(cmp.Or(l.TransactionBytes, maxBody), l.ValueBytes)
}

// cost is what a request counts as.
type cost uint8

const (
	free cost = iota
	reading
	writing
)

// costFree are the paths that count as nothing: they are about this agent, or
// about how the cluster stands. A transaction counts when it is known what it
// does.
var costFree = []string{
	"/v1/acl/", "/v1/agent/", "/v1/event/list", "/v1/internal/acl/", "/v1/operator/autopilot/", "/v1/operator/raft/", "/v1/status/", "/v1/txn",
}

// costOf returns what a request counts as, as Consul counts.
func costOf(method, path string) cost {
	for _, beginning := range costFree {
		if strings.HasPrefix(path, beginning) {
			return free
		}
	}
	if method == http.MethodGet || strings.HasPrefix(path, "/v1/discovery-chain/") {
		return reading
	}
	return writing
}

// The errors for requests that come too fast.
var (
	errReadsTooFast  = &failure{http.StatusTooManyRequests, "rate limit exceeded, try again later or against a different server"}
	errWritesTooFast = &failure{http.StatusServiceUnavailable,
		"rate limit exceeded for operation that can only be performed by the leader, try again later"}
)

// limiter counts requests against the rates of limits.
type limiter struct {
	limits        Limits
	reads, writes *rate.Limiter
}

// newLimiter returns the limiter for limits; nil when there is nothing to count.
func newLimiter(limits Limits) *limiter {
	if limits.Mode == "" || limits.Mode == RateDisabled {
		return nil
	}
	return &limiter{limits: limits, reads: bucket(limits.ReadRate), writes: bucket(limits.WriteRate)}
}

// bucket holds ten times as many tokens as come per second, but at least one.
func bucket(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond*10)))
}

// setLimits puts other limits in the place of those there are. What is left of
// the same rates stays.
func (a *API) setLimits(limits Limits) {
	if now := a.limiter.Load(); now == nil || now.limits != limits {
		a.limiter.Store(newLimiter(limits))
	}
}

// admit counts a request and returns why it may not go on, or nil. path is that
// of its route.
func (a *API) admit(r *http.Request, c cost, path string) error {
	l := a.limiter.Load()
	if l == nil || c == free {
		return nil
	}
	tokens, kind, refusal := l.reads, "global/read", errReadsTooFast
	if c == writing {
		tokens, kind, refusal = l.writes, "global/write", errWritesTooFast
	}
	if tokens.Allow() {
		return nil
	}
	operation := r.Method + " " + path
	a.exceeded.count(a.telemetry, map[string]string{"limit_type": kind, "op": operation, "mode": string(l.limits.Mode)})
	enforced := l.limits.Mode == RateEnforcing
	a.logger.Debug("request exceeded allowed rate limit", "op", operation, "source_addr", r.RemoteAddr,
		"limit_type", kind, "limit_enforced", enforced)
	if enforced {
		return refusal
	}
	return nil
}

// exceededRequests counts them, as Consul does.
const exceededRequests = "consul.rpc.rate_limit.exceeded"

// exceeded counts the requests that came too fast, by what they were.
type exceeded struct {
	mu    sync.Mutex
	known map[string]*telemetry.Series
}

func (e *exceeded) count(t *telemetry.Telemetry, labels map[string]string) {
	key := labels["op"] + " " + labels["mode"] + " " + labels["limit_type"]
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = map[string]*telemetry.Series{}
	}
	if e.known[key] == nil {
		e.known[key] = t.Counter(exceededRequests, labels)
	}
	e.known[key].Add(1)
}
