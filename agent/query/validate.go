package query

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/realjf/muster/agent/state"
)

// Fault is the error for what cannot be, in Consul's words.
type Fault string

func (f Fault) Error() string { return string(f) }

func faultf(format string, args ...any) error { return Fault(fmt.Sprintf(format, args...)) }

// redacted is what Consul shows in place of a token that is not for everybody.
const redacted = "<hidden>"

// Validate returns why a query cannot be, a [Fault], or nil. What only the
// state can tell (that its name is taken, its session gone) it does not look
// at, and not at its template: see [ValidateTemplate].
func Validate(q *state.Query) error {
	if q.Name == "" && !q.IsTemplate() && q.Session == "" {
		return Fault("Must be bound to a session")
	}
	if q.Token == redacted {
		return faultf("Bad Token '%s', it looks like a query definition with a redacted token was submitted", redacted)
	}
	if err := validateService(&q.Service); err != nil {
		return err
	}
	return validateDNS(q.DNS)
}

// CheckID returns why id cannot be that of a query, a [Fault], or nil.
func CheckID(id string) error {
	const where = "failed prepared query lookup: index error: "
	if len(id) != 36 {
		return Fault(where + "UUID must be 36 characters")
	}
	if _, err := hex.DecodeString(strings.ReplaceAll(id, "-", "")); err != nil {
		return faultf(where+"Invalid UUID: %v", err)
	}
	return nil
}

func validateService(s *state.ServiceQuery) error {
	fallback := s.Failover
	switch {
	case s.Service == "":
		return Fault("Must provide a Service name to query")
	case fallback.NearestN < 0:
		return faultf("Bad NearestN '%d', must be >= 0", fallback.NearestN)
	case (fallback.NearestN != 0 || len(fallback.Datacenters) > 0) && len(fallback.Targets) > 0:
		return Fault("Targets cannot be populated with NearestN or Datacenters")
	}
	if fault := state.MetaFault(s.NodeMeta, nil); fault != "" {
		return Fault(fault)
	}
	if s.SamenessGroup != "" {
		return Fault("sameness-groups are an enterprise-only feature")
	}
	return nil
}

func validateDNS(dns state.QueryDNSOptions) error {
	if dns.TTL == "" {
		return nil
	}
	ttl, err := time.ParseDuration(dns.TTL)
	if err != nil {
		return faultf("Bad DNS TTL '%s': %v", dns.TTL, err)
	}
	if ttl < 0 {
		return faultf("DNS TTL '%d', must be >=0", ttl)
	}
	return nil
}
