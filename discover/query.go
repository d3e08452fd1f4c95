package discover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/realjf/muster/internal/valid"
)

// Query is a question to a registry. It is comparable, so that equal
// questions can share one watch. Only Service is required.
type Query struct {
	// Service is the service's name.
	Service string
	// Tags are those that an instance must have, all of them, with commas
	// between. A tag that holds a comma itself can be asked for in Filter.
	Tags string
	// Filter is what else must be true of an instance, in Consul's language:
	//
	//	Service.Meta.version != "1.0"
	//
	// https://developer.hashicorp.com/consul/api-docs/health#filtering-1
	Filter string
	// Datacenter is where to look; empty is the registry's own.
	Datacenter string
	// Failover names the datacenters to look in, one after the other, with
	// commas between, where none of the instances is healthy. Their
	// instances are as fresh as the last five seconds. Where none is healthy
	// anywhere, the snapshot's Err names the datacenters that could not be asked.
	Failover string
	// Near sorts the instances by their distance from a node, the nearest
	// first, where the registry knows it; "_agent" is the agent's own node.
	// Otherwise they are sorted by node and id.
	Near string
	// Warning counts instances that are warning as healthy.
	Warning bool
	// Consistency says how sure the answer must be.
	Consistency Consistency
}

// Consistency is how sure an answer must be, and by that who may give it.
// https://developer.hashicorp.com/consul/api-docs/features/consistency
type Consistency string

const (
	// Stale takes the answer of any server, so that a registry without a
	// leader can be read. How old an answer may be is bounded, by the source.
	Stale Consistency = ""
	// Leader takes the answer of the server that takes itself for the
	// leader: Consul's default.
	Leader Consistency = "leader"
	// Consistent has the leader make sure of its being one, with each answer.
	Consistent Consistency = "consistent"
)

// Validate returns an error that wraps ErrInvalid if no registry could
// answer q.
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

// Healthy reports whether an instance with the given status counts as
// healthy under q.
func (q Query) Healthy(s Status) bool {
	return s == Passing || (q.Warning && s == Warning)
}

// TagList returns the tags that an instance must have.
func (q Query) TagList() []string { return list(q.Tags) }

// FailoverList returns the datacenters to look in where nobody is healthy.
func (q Query) FailoverList() []string { return list(q.Failover) }

// Detail returns what q asks beside the service, such as "tags=v2&datacenter=eu";
// it is empty where that is nothing. It tells the questions about one service
// apart.
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

// Words returns q as an error names it, such as
//
//	service "web" with tags=v2&datacenter=eu
func (q Query) Words() string {
	words := fmt.Sprintf("service %q", q.Service)
	if detail := q.Detail(); detail != "" {
		words += " with " + detail
	}
	return words
}

// Asks reports whether q asks for i, as far as q can tell without a registry:
// by service, tags and datacenter.
func (q Query) Asks(i Instance) bool {
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
