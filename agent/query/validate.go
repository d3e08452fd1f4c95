package query

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
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
	if err := validateMeta(s.NodeMeta); err != nil {
		return err
	}
	if s.SamenessGroup != "" {
		return Fault("sameness-groups are an enterprise-only feature")
	}
	return nil
}

// Consul's bounds on the metadata of a node.
const (
	maxMetaPairs = 64
	maxMetaKey   = 128
	maxMetaValue = 512
)

func validateMeta(meta map[string]string) error {
	if len(meta) > maxMetaPairs {
		return faultf("Node metadata cannot contain more than %d key/value pairs", maxMetaPairs)
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		why := ""
		switch {
		case key == "":
			why = "Key cannot be blank"
		case strings.ContainsFunc(key, notInMetaKey):
			why = "Key contains invalid characters"
		case len(key) > maxMetaKey:
			why = fmt.Sprintf("Key is too long (limit: %d characters)", maxMetaKey)
		case len(meta[key]) > maxMetaValue:
			why = fmt.Sprintf("Value is too long (limit: %d characters)", maxMetaValue)
		default:
			continue
		}
		return faultf("Couldn't load metadata pair ('%s', '%s'): %s", key, meta[key], why)
	}
	return nil
}

func notInMetaKey(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
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
