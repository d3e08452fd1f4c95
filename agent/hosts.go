package agent

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// hosts knows the names by which browsers may call this registry. A page whose
// own name its owner moves to the address of this machine (DNS rebinding) is of
// the same site as the registry to its browser, and may read all of it: but the
// browser says the name.
type hosts struct {
	node    string
	domains []string // of DNS
	named   []string // by the configuration; with a dot before it all below
}

// private are the domains whose names nobody can buy: RFC 6761, 6762 and 8375,
// and what ICANN set aside.
var private = []string{".localhost", ".local", ".internal", ".home.arpa"}

// know reports whether the host of a request, with or without a port, is a name
// of this registry: an address, a name without a dot, one that is private, the
// node's, one that its DNS answers for, or one that it was told of.
func (h hosts) know(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") || strings.EqualFold(host, h.node) {
		return true
	}
	for _, domain := range private {
		if strings.HasSuffix(host, domain) {
			return true
		}
	}
	for _, domain := range h.domains {
		if domain = strings.Trim(strings.ToLower(domain), "."); domain != "" && strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	for _, name := range h.named {
		name = strings.ToLower(name)
		if host == name || strings.HasPrefix(name, ".") && strings.HasSuffix(host, name) {
			return true
		}
	}
	return false
}

// strangeHost says why a browser was sent away, and what to do.
func strangeHost(host string) string {
	return fmt.Sprintf("Permission denied: this registry does not know itself as %q, and somebody else's page may be using its browser. "+
		"If the name is yours, start the registry with -http-host NAME (muster.http_hosts), demand a token with -http-token-file, or use HTTPS.", host)
}

// fromBrowser reports whether a request comes from a browser, or from a client
// that behaves like one. A page's script cannot take all of this away: no
// browser leaves out Accept-Language, whatever a script says it is.
func fromBrowser(header http.Header) bool {
	for _, mark := range []string{"Accept-Language", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"} {
		if _, has := header[mark]; has {
			return true
		}
	}
	return strings.HasPrefix(header.Get("User-Agent"), "Mozilla/")
}
