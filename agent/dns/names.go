package dns

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// kind is what a name of the zone is about: the label that says so.
type kind string

const (
	services kind = "service"
	connects kind = "connect"
	virtuals kind = "virtual"
	ingress  kind = "ingress"
	nodes    kind = "node"
	queries  kind = "query"
	address  kind = "addr"
)

// name is a name of the zone, taken apart.
type name struct {
	kind       kind
	label      string // of the service, node or query, or an address in hexadecimal digits; in lower case
	tag        string // that instances must have; empty for any
	datacenter string // empty for this one
	peer       string // empty for none
}

// zone is the names that this server is the authority for: those under its
// domain and under an alternative one, both in lower case and with a dot at
// the end. The second may be empty.
type zone struct{ domain, alternative string }

// newZone returns the zone of domains as people write them.
func newZone(domain, alternative string) zone {
	z := zone{domain: dns.Fqdn(strings.ToLower(domain))}
	if alternative != "" && alternative != "." {
		z.alternative = dns.Fqdn(strings.ToLower(alternative))
	}
	return z
}

// ValidDomain reports whether a domain can be that of a server. Empty is none,
// which can be.
func ValidDomain(domain string) bool {
	_, ok := dns.IsDomainName(domain)
	return ok || domain == ""
}

// split takes the domain off a name that ends with a dot, and reports whether
// the name is of the zone. Both parts are in the case in which they were asked.
// Of two domains that fit, the longer one counts.
func (z zone) split(asked string) (rest, domain string, ours bool) {
	for _, known := range []string{z.domain, z.alternative} {
		if len(known) > len(domain) && within(asked, known) {
			at := len(asked) - len(known)
			rest, domain, ours = asked[:at], asked[at:], true
		}
	}
	return rest, domain, ours
}

// within reports whether a name is a domain or under it, in whatever case.
func within(name, domain string) bool {
	at := len(name) - len(domain)
	return at >= 0 && strings.EqualFold(name[at:], domain) && (at == 0 || domain == "." || name[at-1] == '.')
}

// parse takes a name of the zone apart, from which the domain was split off.
// It reports false for a name that cannot be. A question for SRV may leave out
// the word service (RFC 2782: _name._protocol.domain).
//
// https://developer.hashicorp.com/consul/docs/services/discovery/dns-static-lookups
func parse(rest string, srv bool) (name, bool) {
	labels := dns.SplitDomainName(strings.ToLower(rest))
	for n := len(labels) - 1; n >= 0; n-- {
		switch kind := kind(labels[n]); kind {
		case services, connects, virtuals, ingress, nodes, queries, address:
			return about(kind, labels[:n], labels[n+1:])
		}
		if srv && strings.HasPrefix(labels[n], "_") {
			return about(services, labels[:n+1], labels[n+1:])
		}
	}
	return name{}, false
}

// about takes apart what stands before and behind the word for the kind.
func about(kind kind, before, behind []string) (name, bool) {
	if len(before) == 0 {
		return name{}, false
	}
	n := name{kind: kind, label: before[len(before)-1]}
	placed := true
	switch kind {
	case services:
		n.tag, n.label = tagged(before)
	case nodes:
		n.label = strings.Join(before, ".")
	case virtuals:
		if len(behind) == 1 { // addresses of services are those of a datacenter or a peer, and of none else here
			behind = []string{behind[0], "peer"}
		}
	case queries:
		n.label = queryName(before)
		placed = len(behind) <= 1 // a query has no peer
	}
	switch {
	case n.label == "":
		return name{}, false
	case kind == address:
		return n, len(before) == 1 // wherever it is said to be
	}
	return n, placed && n.place(behind)
}

// tagged returns the tag and the service of _service._tag (RFC 2782), where
// the protocol tcp is no tag, or of tag.service, whose tag may have dots.
func tagged(labels []string) (tag, service string) {
	last := len(labels) - 1
	if last == 1 && strings.HasPrefix(labels[0], "_") && strings.HasPrefix(labels[1], "_") {
		if tag = labels[1][1:]; tag == "tcp" {
			tag = ""
		}
		return tag, labels[0][1:]
	}
	return strings.Join(labels[:last], "."), labels[last]
}

// queryName returns the name of a query, which may have dots, also of
// _query._protocol.
func queryName(labels []string) string {
	last := len(labels) - 1
	if last > 0 && strings.HasPrefix(labels[0], "_") && strings.HasPrefix(labels[last], "_") {
		labels = append([]string{labels[0][1:]}, labels[1:last]...)
	}
	return strings.Join(labels, ".")
}

// place takes where the name is said to be: nothing, DATACENTER, DATACENTER.dc
// or PEER.peer.
func (n *name) place(labels []string) bool {
	switch {
	case len(labels) == 0:
	case len(labels) == 1:
		n.datacenter = labels[0]
	case len(labels)%2 != 0 || len(labels) > 4:
		return false
	}
	for ; len(labels) >= 2; labels = labels[2:] {
		switch labels[1] {
		case "dc":
			n.datacenter = labels[0]
		case "peer":
			n.peer = labels[0]
		default:
			return false
		}
	}
	return n.datacenter == "" || n.peer == ""
}

// topic returns with what the answer to a name changes.
func (n name) topic() state.Topic {
	switch n.kind {
	case services:
		return state.ServiceHealth(n.label)
	case connects:
		return state.MeshHealth(n.label)
	case nodes:
		return state.NodeServices(n.label)
	default:
		return state.Everything
	}
}
