package discover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/realjf/muster/internal/valid"
)

// Query is a question to a registry. Equal queries share a watch of a [Cache].
type Query struct {
	Service string // the service's name, required
	Tags    string // separated by commas; an instance must have all of them
	// Filter is a further condition in Consul's language, such as
	// Service.Meta.version != "1.0":
	// https://developer.hashicorp.com/consul/api-docs/health#filtering-1
	Filter     string
	Datacenter string // where to look; empty means the registry's own
	// Failover lists datacenters, separated by commas, to try in turn while no
	// instance is healthy. Their answers may be five seconds old.
	Failover string
	// Near sorts by distance from a node, if the registry knows that; "_agent"
	// is the agent's own. Empty sorts by node and id.
	Near        string
	Warning     bool // instances that are warning count as healthy
	Consistency Consistency
}

// Consistency says which of the registry's servers may answer.
// https://developer.hashicorp.com/consul/api-docs/features/consistency
type Consistency string

const (
	Stale      Consistency = ""           // any server, even without a leader; the source bounds the age
	Leader     Consistency = "leader"     // the server that takes itself for the leader; Consul's default
	Consistent Consistency = "consistent" // the leader, which makes sure each time that it is
)

// Validate returns an error that wraps ErrInvalid if no registry could answer
// q.
func (q Query) Validate() error {
	if err := valid.Name("service name", q.Service); err != nil {
		return err
	}
	for _, part := range []struct{ kind, text string }{
		{"tags", q.Tags}, {"filter", q.Filter}, {"datacenter", q.Datacenter}, {"failover", q.Failover}, {"near", q.Near},
	} {
		if err := valid.Text(part.kind, part.text); err != nil {
			return err
		}
	}
	switch q.Consistency {
	case Stale, Leader, Consistent:
		return nil
	}
	return fmt.Errorf("%w consistency %q: want %q, %q or %q", ErrInvalid, q.Consistency, Stale, Leader, Consistent)
}

// healthy reports whether an instance with the given status counts as
// healthy under q.
func (q Query) healthy(s Status) bool {
	return s == Passing || (q.Warning && s == Warning)
}

// TagList returns the tags in Tags.
func (q Query) TagList() []string { return list(q.Tags) }

// FailoverList returns the datacenters in Failover.
func (q Query) FailoverList() []string { return list(q.Failover) }

// Detail returns what q asks besides the service, such as
// "tags=v2&datacenter=eu".
func (q Query) Detail() string {
	var parts []string
	for _, part := range []struct{ name, text string }{
		{"tags", q.Tags}, {"filter", q.Filter}, {"datacenter", q.Datacenter}, {"failover", q.Failover}, {"near", q.Near},
		{"consistency", string(q.Consistency)},
	} {
		if part.text != "" {
			parts = append(parts, part.name+"="+part.text)
		}
	}
	if q.Warning {
		parts = append(parts, "warning=true")
	}
	return strings.Join(parts, "&")
}

// Words describes q for an error message, such as: service "web" with tags=v2.
func (q Query) Words() string {
	words := fmt.Sprintf("service %q", q.Service)
	if detail := q.Detail(); detail != "" {
		words += " with " + detail
	}
	return words
}

// asks reports whether q asks for i, as far as q can tell without a registry:
// by service, tags and datacenter.
func (q Query) asks(i Instance) bool {
	if i.Service != q.Service || (q.Datacenter != "" && i.Datacenter != q.Datacenter) {
		return false
	}
	for _, tag := range q.TagList() {
		if !slices.Contains(i.Tags, tag) {
			return false
		}
	}
	return true
}

// list splits text at its commas; what is empty is left out.
func list(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
