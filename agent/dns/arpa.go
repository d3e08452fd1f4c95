package dns

import (
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// fromARPA returns the address that a name under in-addr.arpa. or ip6.arpa.
// spells, or nil when it spells none.
func fromARPA(name string) net.IP {
	name = strings.ToLower(name)
	if digits, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		labels := dns.SplitDomainName(digits)
		slices.Reverse(labels)
		return net.ParseIP(strings.Join(labels, ".")).To4()
	}
	digits, ok := strings.CutSuffix(name, ".ip6.arpa.")
	labels := strings.Split(digits, ".")
	if !ok || len(labels) != 2*net.IPv6len || len(digits) != 4*net.IPv6len-1 {
		return nil
	}
	slices.Reverse(labels)
	return unspell(strings.Join(labels, ""))
}
