package dns

import (
	"math/rand/v2"
	"net"
	"strings"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// maxServers is how many name servers are told.
const maxServers = 3

// soa returns what the zone says of itself (RFC 1035, section 3.3.13). How
// long it may be kept that there is no such name, is the lesser of its last
// number and of its TTL (RFC 2308, section 5): they are the same. Its time is
// written in when it is sent.
func (f *finder) soa(name string) dns.RR {
	domain, soa := f.zone.domain, f.settings.SOA
	if f.zone.alternative != "" && strings.HasSuffix(name, "."+f.zone.alternative) {
		domain = f.zone.alternative
	}
	return &dns.SOA{
		Hdr: header(domain, dns.TypeSOA, uint32(soa.MinTTL)), Ns: "ns." + domain, Mbox: "hostmaster." + domain,
		Refresh: uint32(soa.Refresh), Retry: uint32(soa.Retry), Expire: uint32(soa.Expire), Minttl: uint32(soa.MinTTL),
	}
}

// serverService is the service that servers of the zone are instances of.
const serverService = "consul"

// servers returns some of the servers of the zone, in any order, and their
// addresses. One whose name is none that a host may have is left out.
func (f *finder) servers(q asked) (servers, glue []dns.RR) {
	instances := f.snapshot.Instances(serverService)
	rand.Shuffle(len(instances), func(a, b int) { instances[a], instances[b] = instances[b], instances[a] })
	for _, instance := range instances {
		if len(servers) == maxServers {
			break
		}
		if !f.fits(instance.Checks) || !isHostLabel(instance.Node) {
			continue
		}
		name := strings.ToLower(f.nodeName(instance.Node, q.domain))
		servers = append(servers, &dns.NS{Hdr: header(q.domain, dns.TypeNS, seconds(f.settings.NodeTTL)), Ns: name})
		records, _ := f.nodeRecords(instance.Node, dns.TypeANY, name, q.depth)
		glue = append(glue, records...)
	}
	return servers, glue
}

// isHostLabel reports whether a node has a name of letters, digits and hyphens.
func isHostLabel(node *state.Node) bool {
	return strings.IndexFunc(node.Node, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '\\'
	}) < 0
}

// reverse answers who has the address that a name under arpa. spells
// (RFC 1035, section 3.5; RFC 3596, section 2.5): a node, or else a service. It
// returns nil when nobody is known to.
func (f *finder) reverse(q dns.Question) *answer {
	ip := fromARPA(q.Name)
	if ip == nil {
		return nil
	}
	target := ""
	for _, node := range f.snapshot.Nodes() {
		if node.Address == ip.String() || ip.To4() == nil && ip.Equal(net.ParseIP(node.Address)) {
			target = f.nodeName(node, f.zone.domain)
			break
		}
	}
	if target == "" {
		for _, service := range f.snapshot.Services() {
			if service.Address == ip.String() {
				target = service.Service + ".service." + f.here.Datacenter + "." + f.zone.domain
				break
			}
		}
	}
	if target == "" {
		return nil
	}
	a := &answer{choices: only([]dns.RR{&dns.PTR{Hdr: header(q.Name, dns.TypePTR, 0), Ptr: target}}, nil)}
	if q.Qtype == dns.TypeSOA {
		a.authority = []dns.RR{f.soa(q.Name)}
	}
	return a
}
