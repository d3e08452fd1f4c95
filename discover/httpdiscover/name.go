package httpdiscover

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/realjf/muster/discover"
)

// QueryOf returns what a host means: the name of a service, or a name as in
// Consul's DNS,
//
//	web
//	web.service.consul
//	canary.web.service.consul        with the tag "canary"
//	web.service.eu.consul            in the datacenter "eu"
//	web.service.eu.dc.consul
//
// A host with a port is an error that wraps [discover.ErrInvalid], as the
// port is the registry's to say, and so are an IP address and another name in
// Consul's zone.
//
// https://developer.hashicorp.com/consul/docs/services/discovery/dns-static-lookups
func QueryOf(host string) (discover.Query, error) {
	if isAddress(host) {
		return discover.Query{}, fmt.Errorf("%w service %q: it is an address, which the registry is not needed for; use another transport", discover.ErrInvalid, host)
	}
	if strings.Contains(host, ":") {
		return discover.Query{}, fmt.Errorf("%w service %q: leave the port out, the registry says which one", discover.ErrInvalid, host)
	}
	name, ok := strings.CutSuffix(strings.TrimSuffix(host, "."), ".consul")
	if !ok {
		return discover.Query{Service: host}, nil
	}
	labels := strings.Split(name, ".")
	at := 1 + slices.Index(labels[1:], "service")
	place := labels[at+1:]
	if len(place) == 2 && place[1] == "dc" {
		place = place[:1]
	}
	if at < 1 || at > 2 || len(place) > 1 || slices.Contains(labels, "") {
		return discover.Query{}, fmt.Errorf("%w service %q: want NAME or [TAG.]NAME.service[.DATACENTER].consul", discover.ErrInvalid, host)
	}
	q := discover.Query{Service: labels[at-1], Datacenter: strings.Join(place, "")}
	if at == 2 {
		q.Tags = labels[0]
	}
	return q, nil
}

// isAddress reports whether host is an IP address, with a port or without.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return err == nil
}
