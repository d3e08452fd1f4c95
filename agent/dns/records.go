package dns

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// maxNamed is how many records of a name's own go to those who take 512 bytes.
const maxNamed = 5

// instance returns what answers a question with an instance, and what goes
// beside it. It reports whether the instance is reached by a name, which had to
// be looked up.
func (f *finder) instance(q asked, i state.Instance, ttl time.Duration) (answers, extra []dns.RR, named bool) {
	own := i.Service.TaggedAddresses
	address := choose(q.Qtype, i.Service.Address, own["lan_ipv4"].Address, own["lan_ipv6"].Address)
	ofNode := nodeAddress(q.Qtype, i.Node)
	ip, nodeIP := net.ParseIP(address), net.ParseIP(ofNode)
	switch {
	case address == "" && ofNode == "":
		return nil, nil, false
	case address == "" && nodeIP == nil:
		answers, extra = f.named(q, i, ofNode, ttl)
		return answers, extra, true
	case address == "" && ofNode != i.Node.Address:
		ip = nodeIP
	case address == "" || ip == nil && nodeIP != nil && dns.Fqdn(address) == q.Name: // a name that would stand for itself
		answers, extra = addressed(q, i, nodeIP, f.nodeName(i.Node, q.domain), ttl)
		return answers, extra, false
	case ip == nil:
		answers, extra = f.named(q, i, address, ttl)
		return answers, extra, true
	}
	answers, extra = addressed(q, i, ip, spell(ip)+".addr."+i.Node.Datacenter+"."+q.domain, ttl)
	return answers, extra, false
}

// addressed returns the records of an instance with an address, which for SRV
// has a name too.
func addressed(q asked, i state.Instance, ip net.IP, name string, ttl time.Duration) (answers, extra []dns.RR) {
	switch {
	case !wants(q.Qtype, ip):
		return nil, nil
	case q.Qtype == dns.TypeSRV:
		return []dns.RR{srv(q, i, name, ttl)}, []dns.RR{addressRecord(name, ip, seconds(ttl))}
	default:
		return []dns.RR{addressRecord(q.Name, ip, seconds(ttl))}, nil
	}
}

// named returns the records of an instance that is reached by a name, with
// what is known of that.
func (f *finder) named(q asked, i state.Instance, target string, ttl time.Duration) (answers, extra []dns.RR) {
	target = dns.Fqdn(target)
	for _, rr := range f.resolve(target, q.depth) {
		switch rr.Header().Rrtype {
		case dns.TypeCNAME, dns.TypeA, dns.TypeAAAA:
			rr.Header().Ttl = seconds(ttl)
			extra = append(extra, rr)
		}
		if len(extra) == maxNamed && !f.edns {
			break
		}
	}
	if q.Qtype == dns.TypeSRV {
		return []dns.RR{srv(q, i, target, ttl)}, extra
	}
	return append([]dns.RR{alias(q.Name, target, ttl)}, extra...), nil
}

// nodeRecords returns the records with the address of a node, under a name. It
// reports whether that is a name, which had to be looked up.
func (f *finder) nodeRecords(node *state.Node, qtype uint16, name string, depth int) (records []dns.RR, named bool) {
	ip := net.ParseIP(nodeAddress(qtype, node))
	switch {
	case ip == nil:
		target := dns.Fqdn(node.Address)
		return append([]dns.RR{alias(name, target, f.settings.NodeTTL)}, f.resolve(target, depth)...), true
	case !wants(qtype, ip):
		return nil, false
	default:
		return []dns.RR{addressRecord(name, ip, seconds(f.settings.NodeTTL))}, false
	}
}

// resolve returns what is known of a name that an instance or a node has for
// an address.
func (f *finder) resolve(target string, depth int) []dns.RR {
	if rest, domain, ours := f.zone.split(target); ours && rest != "" {
		if depth < 1 {
			return nil
		}
		a, _ := f.answer(asked{dns.Question{Name: target, Qtype: dns.TypeANY, Qclass: dns.ClassINET}, domain, depth - 1})
		return a.flat()
	}
	if f.outside == nil {
		return nil
	}
	return f.outside(target)
}

// nodeName returns the name of a node in a domain.
func (f *finder) nodeName(node *state.Node, domain string) string {
	return node.Node + ".node." + node.Datacenter + "." + domain
}

// choose returns which of its addresses somebody is told who asks for a type:
// that of the family, the sixth before the fourth, or else the one that has no
// other name, which may be of the other family, or a name.
func choose(qtype uint16, address, v4, v6 string) string {
	switch {
	case v6 != "" && qtype != dns.TypeA:
		return v6
	case v4 != "" && qtype != dns.TypeAAAA:
		return v4
	default:
		return address
	}
}

func nodeAddress(qtype uint16, node *state.Node) string {
	return choose(qtype, node.Address, node.TaggedAddresses["lan_ipv4"], node.TaggedAddresses["lan_ipv6"])
}

// wants reports whether somebody who asks for a type is told of an address.
// For TXT too, as by Consul.
func wants(qtype uint16, ip net.IP) bool {
	switch qtype {
	case dns.TypeA:
		return ip.To4() != nil
	case dns.TypeAAAA:
		return ip.To4() == nil
	case dns.TypeSRV, dns.TypeANY, dns.TypeTXT:
		return true
	default:
		return false
	}
}

// socket is what instances have in common that are the same to those who ask
// for SRV.
func socket(i state.Instance) string {
	own := i.Service.TaggedAddresses
	address := choose(dns.TypeANY, i.Service.Address, own["lan_ipv4"].Address, own["lan_ipv6"].Address)
	return fmt.Sprintf("%s:%s:%d", i.Node.Node, address, i.Service.Port)
}

// weight returns how much traffic an instance asks for, as it is.
func weight(i state.Instance) int {
	switch state.Worst(i.Checks) {
	case state.Passing:
		return i.Service.Weights.Passing
	case state.Warning:
		return i.Service.Weights.Warning
	default:
		return 0
	}
}

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func srv(q asked, i state.Instance, target string, ttl time.Duration) dns.RR {
	return &dns.SRV{
		Hdr: header(q.Name, dns.TypeSRV, seconds(ttl)), Priority: 1, Weight: uint16(weight(i)),
		Port: uint16(i.Service.Port), Target: target,
	}
}

func alias(name, target string, ttl time.Duration) dns.RR {
	return &dns.CNAME{Hdr: header(name, dns.TypeCNAME, seconds(ttl)), Target: target}
}

func addressRecord(name string, ip net.IP, ttl uint32) dns.RR {
	if v4 := ip.To4(); v4 != nil {
		return &dns.A{Hdr: header(name, dns.TypeA, ttl), A: v4}
	}
	return &dns.AAAA{Hdr: header(name, dns.TypeAAAA, ttl), AAAA: ip}
}

// spell returns an address in hexadecimal digits, as it stands in names.
func spell(ip net.IP) string {
	if v4 := ip.To4(); v4 != nil {
		ip = v4
	}
	return hex.EncodeToString(ip)
}

// unspell returns the address that hexadecimal digits spell, or nil.
func unspell(digits string) net.IP {
	ip, err := hex.DecodeString(digits)
	if err != nil || len(ip) != net.IPv4len && len(ip) != net.IPv6len {
		return nil
	}
	return ip
}

// nodeTexts returns what the catalog has of a node beside its address, as
// texts (RFC 1464). A key that begins with rfc1035- is left out of its text.
func nodeTexts(name string, node *state.Node, ttl time.Duration) []dns.RR {
	records := make([]dns.RR, 0, len(node.Meta))
	for _, key := range slices.Sorted(maps.Keys(node.Meta)) {
		text := node.Meta[key]
		if !strings.HasPrefix(strings.ToLower(key), "rfc1035-") {
			text = attribute(key, text)
		}
		records = append(records, &dns.TXT{Hdr: header(name, dns.TypeTXT, seconds(ttl)), Txt: []string{text}})
	}
	return records
}

// attribute returns a key and its value as RFC 1464 writes them: with ` before
// what would be taken for something else.
func attribute(key, value string) string {
	key = strings.NewReplacer("`", "``", "=", "`=").Replace(key)
	inner := strings.TrimLeft(key, " ")
	leading := len(key) - len(inner)
	inner = strings.TrimRight(inner, " ")
	trailing := len(key) - leading - len(inner)
	return strings.Repeat("` ", leading) + inner + strings.Repeat("` ", trailing) + "=" + strings.ReplaceAll(value, "`", "``")
}
