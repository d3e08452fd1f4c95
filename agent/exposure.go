package agent

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// bound is a door as it is bound.
type bound struct {
	door string // http, https, dns or dns over tls
	at   netip.AddrPort
}

// bound returns all doors that have an address. A Unix socket has none: its
// permissions say who comes in.
func (a *Agent) bound() (all []bound) {
	for _, l := range a.doors {
		if tcp, is := l.Addr().(*net.TCPAddr); is {
			all = append(all, bound{l.scheme, tcp.AddrPort()})
		}
	}
	for _, side := range []struct {
		door      string
		addresses []string
	}{{"dns", a.DNSAddrs()}, {"dns over tls", a.DNSTLSAddrs()}} {
		for _, address := range side.addresses {
			if at, err := netip.ParseAddrPort(address); err == nil {
				all = append(all, bound{side.door, at})
			}
		}
	}
	return all
}

// exposure is what other machines may do at a door.
type exposure struct {
	door, at string
	machine  string // the addresses that "all" stands for; empty for one of them
	guard    string // what is asked of who comes; empty for nothing
	means    string
	advice   string // empty where there is a guard
	shut     bool   // to all but this machine: nothing to warn of
}

// exposures returns the doors at which others than this machine can knock, and
// what they may do there. own are the addresses of this machine.
func (c Config) exposures(doors []bound, own []netip.Addr) (all []exposure) {
	for _, d := range doors {
		at := netip.AddrPortFrom(d.at.Addr().Unmap(), d.at.Port())
		if at.Addr().IsLoopback() {
			continue
		}
		e := exposure{door: d.door, at: at.String()}
		if at.Addr().IsUnspecified() {
			e.machine = meant(at.Addr(), own)
		}
		if strings.HasPrefix(d.door, "dns") {
			c.atDNS(&e)
		} else {
			c.atHTTP(&e)
		}
		if e.guard == "" && !c.Stay { // who embeds an agent has other settings
			e.advice = cmp.Or(e.advice, "set client_addr to 127.0.0.1")
		} else {
			e.advice = ""
		}
		all = append(all, e)
	}
	return all
}

// meant returns the addresses, of those of this machine, at which others reach
// what listens on all of a kind.
func meant(everywhere netip.Addr, own []netip.Addr) string {
	var all []string
	for _, one := range own {
		if one = one.Unmap(); !one.IsLoopback() && (everywhere.Is6() || one.Is4()) {
			all = append(all, one.String())
		}
	}
	return strings.Join(all, " ")
}

// atHTTP says what others may do with the API.
func (c Config) atHTTP(e *exposure) {
	who, may := "everybody who reaches "+e.at, "read and change the registry"
	var guards []string
	if e.door == "https" && c.TLS.Verify {
		guards = append(guards, "client certificates")
		who += " with a client certificate"
	}
	if c.guarded() {
		guards = append(guards, "a token")
		who += " and has a token"
	}
	if len(c.AllowWriteFrom) > 0 {
		guards = append(guards, "http_config.allow_write_http_from")
		may = "read the registry, and some change it"
	}
	if c.RemoteScripts {
		may += " and run programs on this machine"
	}
	e.guard = strings.Join(guards, " and ")
	e.means = who + " can " + may
	e.advice = "set client_addr or addresses." + e.door + " to 127.0.0.1, demand a token with muster.http_token_file, or let only some write with http_config.allow_write_http_from"
}

// atDNS says what others may ask.
func (c Config) atDNS(e *exposure) {
	who, may := "everybody who reaches "+e.at, "ask which services there are and where"
	var guards []string
	if e.door == "dns over tls" && c.DNSTLS.Verify {
		guards = append(guards, "client certificates")
		who += " with a client certificate"
	}
	switch {
	case len(c.DNS.AnswerFrom) > 0:
		guards = append(guards, "muster.dns_allow_from")
		who += " from a network that may"
	case c.guarded():
		e.guard, e.shut = "this machine alone", true
		e.means = "questions at " + e.at + " are answered from this machine alone: they carry no token, and one is demanded; muster.dns_allow_from names the networks that are answered instead"
		return
	}
	e.guard = strings.Join(guards, " and ")
	if len(c.DNS.Recursors) > 0 {
		may += ", and have the recursors asked"
	}
	e.means = who + " can " + may
	e.advice = "set addresses." + strings.ReplaceAll(strings.ReplaceAll(e.door, " over ", "_"), " ", "_") + " to 127.0.0.1"
}

// tellExposures warns of the doors that others may come in by, each when it is
// another than when it was warned of last. The caller holds a.mu.
func (a *Agent) tellExposures() {
	now := a.config.exposures(a.bound(), ownAddresses())
	for _, e := range now {
		if slices.Contains(a.exposed, e) {
			continue
		}
		args := []any{"door", e.door, "at", e.at, "guard", cmp.Or(e.guard, "nothing")}
		if e.machine != "" {
			args = append(args, "addresses", e.machine)
		}
		if e.advice != "" {
			args = append(args, "advice", e.advice)
		}
		level := slog.LevelWarn
		if e.shut {
			level = slog.LevelInfo
		}
		a.logger.Log(context.Background(), level, e.means, args...)
	}
	a.exposed = now
}

// ownAddresses are those of this machine, as far as it tells them.
func ownAddresses() (all []netip.Addr) {
	interfaces, _ := net.InterfaceAddrs() // it is for people to know
	for _, one := range interfaces {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil {
			all = append(all, prefix.Addr())
		}
	}
	return all
}
