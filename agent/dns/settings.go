package dns

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Settings say how questions are answered. They may change while the server
// runs. Start from [Defaults]. Each is a key of Consul's dns_config, or of its
// recursors, unless said otherwise.
//
// https://developer.hashicorp.com/consul/docs/agent/config/config-files#dns-and-domain-parameters
type Settings struct {
	// NodeTTL and ServiceTTL are how long answers about nodes and about services
	// may be kept. Services are named in lower case, in full or by how they begin
	// ("db-*"); "*" is all others.
	NodeTTL    time.Duration
	ServiceTTL map[string]time.Duration
	// UDPAnswerLimit is how many answers go to those who take 512 bytes over UDP,
	// 8 at most. ARecordLimit is how many addresses go to anybody; 0 is no bound.
	UDPAnswerLimit int
	ARecordLimit   int
	// OnlyPassing leaves out instances with a warning too.
	OnlyPassing bool
	// EnableTruncate says of an answer that was cut that there is more of it, so
	// that resolvers ask again over TCP.
	EnableTruncate bool
	// NoCompression writes every name out in full.
	NoCompression bool
	// NodeMetaTXT adds what the catalog has of nodes, where it was not asked for.
	NodeMetaTXT bool
	// SOA is what the zone says of itself.
	SOA SOA
	// AnswerFrom are the networks whose questions are answered; all when there are
	// none. Others are refused. Consul has no such setting.
	AnswerFrom []netip.Prefix
	// Weighted puts instances with more weight first more often, and so keeps
	// them more often where there is a limit. Consul has no such setting.
	Weighted bool

	// Recursors are asked for what is not of the zone: addresses with or without
	// a port.
	Recursors []string
	// RandomRecursor begins with any of them, and not always with the first.
	RandomRecursor bool
	// RecursorTimeout is how long each of them is waited for.
	RecursorTimeout time.Duration
}

// SOA is what the zone says of itself, in seconds (RFC 1035, section 3.3.13).
// MinTTL is how long it may be kept that there is no such name (RFC 2308).
type SOA struct{ Refresh, Retry, Expire, MinTTL int }

// Defaults are Consul's.
func Defaults() Settings {
	return Settings{
		UDPAnswerLimit: 3, NodeMetaTXT: true,
		SOA:             SOA{Refresh: 3600, Retry: 600, Expire: 86400},
		RecursorTimeout: 2 * time.Second,
	}
}

// Valid returns everything that is wrong with the settings, or nil.
func (s Settings) Valid() error {
	var faults []error
	for what, n := range map[string]int{
		"UDP answer limit": s.UDPAnswerLimit, "A record limit": s.ARecordLimit,
		"SOA refresh": s.SOA.Refresh, "SOA retry": s.SOA.Retry, "SOA expire": s.SOA.Expire, "SOA minimum TTL": s.SOA.MinTTL,
	} {
		if n < 0 || n > math.MaxInt32 {
			faults = append(faults, fmt.Errorf("%s %d: want 0 to %d", what, n, math.MaxInt32))
		}
	}
	for _, ttl := range append([]time.Duration{s.NodeTTL}, values(s.ServiceTTL)...) {
		if ttl < 0 || ttl/time.Second > math.MaxInt32 {
			faults = append(faults, fmt.Errorf("TTL %v: want 0 to %ds", ttl, math.MaxInt32))
		}
	}
	for _, recursor := range s.Recursors {
		if _, err := recursorAddress(recursor); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// serve reports whether a caller's questions are answered.
func (s *Settings) serve(from netip.Addr) bool {
	from = from.WithZone("")
	return len(s.AnswerFrom) == 0 || slices.ContainsFunc(s.AnswerFrom, func(n netip.Prefix) bool { return n.Contains(from) })
}

func values(m map[string]time.Duration) (all []time.Duration) {
	for value := range maps.Values(m) {
		all = append(all, value)
	}
	return all
}

// recursorAddress returns a recursor with its port, which is 53 by default.
func recursorAddress(recursor string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(recursor, "[]")); err == nil {
		return netip.AddrPortFrom(ip, 53).String(), nil
	}
	host, port, err := net.SplitHostPort(recursor)
	if err != nil {
		host, port = recursor, "53"
	}
	if _, err := net.LookupPort("udp", port); err != nil || host == "" || strings.ContainsAny(host, " /:") && !isIP(host) {
		return "", fmt.Errorf("recursor %q: want an address, with or without a port", recursor)
	}
	return net.JoinHostPort(host, port), nil
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// serviceTTL returns how long answers about a service may be kept: what is
// said of it by its name, or by the longest beginning of it.
func (s *Settings) serviceTTL(service string) time.Duration {
	service = strings.ToLower(service)
	if ttl, ok := s.ServiceTTL[service]; ok && !strings.HasSuffix(service, "*") {
		return ttl
	}
	for end := len(service); end >= 0; end-- {
		if ttl, ok := s.ServiceTTL[service[:end]+"*"]; ok {
			return ttl
		}
	}
	return 0
}

// seconds is a span as records have it.
func seconds(span time.Duration) uint32 { return uint32(span / time.Second) }
