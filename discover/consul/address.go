package consul

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/realjf/muster/discover"
)

// Address returns the address of a registry as Consul's client is to have it, which
// begins each path with a slash: without one at its end. What it takes, [New]
// says; the error wraps ErrInvalid, says what is wrong, and shows no password.
func Address(given string) (string, error) {
	scheme, rest, hasScheme := strings.Cut(given, "://")
	switch {
	case !hasScheme:
		given = strings.TrimRight(given, "/")
	case scheme != "unix":
		given = scheme + "://" + strings.TrimRight(rest, "/")
	}
	return given, checkAddress(given)
}

// checkAddress returns an error that wraps [discover.ErrInvalid] if address is none of a
// registry, in the form that Consul's client takes: it says what is wrong, and
// shows no password.
func checkAddress(address string) error {
	scheme, rest, hasScheme := strings.Cut(address, "://")
	switch {
	case hasScheme && scheme == "unix":
		if rest == "" {
			return fmt.Errorf(`%w address "unix://": the path of the socket is missing`, discover.ErrInvalid)
		}
		return nil
	case strings.Contains(address, "@"): // which is not told back
		return fmt.Errorf("%w address: it holds an @; a user and password belong in HttpAuth, or in CONSUL_HTTP_AUTH", discover.ErrInvalid)
	case hasScheme && scheme != "http" && scheme != "https":
		return fmt.Errorf("%w address %q: it begins with %s://; want http, https or unix", discover.ErrInvalid, address, scheme)
	case !hasScheme:
		rest = address
	}
	authority, _, hasPath := strings.Cut(rest, "/")
	why := ""
	switch {
	case strings.ContainsAny(rest, "?#"):
		why = "it holds a ? or #; a datacenter, a token and the like are settings of their own"
	case hasPath && !hasScheme:
		why = "before a host with a path there must be http:// or https://"
	default:
		why = wrongAuthority(authority)
	}
	if why != "" {
		return fmt.Errorf("%w address %q: %s", discover.ErrInvalid, address, why)
	}
	return nil
}

// wrongAuthority returns what is wrong with a host, or a host and a port; "" if
// nothing is.
func wrongAuthority(authority string) string {
	host, port, hasPort := authority, "", false
	if at := strings.LastIndexByte(authority, ':'); at > strings.LastIndexByte(authority, ']') {
		host, port, hasPort = authority[:at], authority[at+1:], true
	}
	if authority == "" {
		return "the host is missing"
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
				return "an IPv6 address must stand in brackets, as in [::1]:8500"
			}
			return fmt.Sprintf("the port is %q; want a number from 1 to 65535", port)
		}
	}
	inner, opened := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	switch {
	case opened && closed:
		if ip, err := netip.ParseAddr(inner); err != nil || !ip.Is6() || strings.ContainsFunc(ip.Zone(), isNoZone) {
			return fmt.Sprintf("%q in brackets is no IPv6 address", inner)
		}
	case strings.Contains(host, ":"):
		return "an IPv6 address must stand in brackets, as in [::1]:8500"
	case strings.ContainsFunc(host, isNoHost):
		return fmt.Sprintf("%q is no name of a host", host)
	}
	return ""
}

// isNoHost reports whether a character is in no name of a host: a URL would not
// hold it, or it would mean something else there.
func isNoHost(r rune) bool {
	return r <= ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune("\"<>[]\\^`{|}%", r)
}

// isNoZone is the same for the zone of an IPv6 address: the name of a network.
func isNoZone(r rune) bool { return isNoHost(r) || r > 0x7f }
