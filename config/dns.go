package config

import "time"

// DNS is what the files say of DNS, for the door that will speak it.
type DNS struct {
	Port      int // -1 for none
	Addresses []string
	Domain    string
	AltDomain string
	Recursors []string

	RecursorStrategy string // sequential or random
	RecursorTimeout  time.Duration
	NodeTTL          time.Duration
	ServiceTTL       map[string]time.Duration // by name, "*" for all others
	UDPAnswerLimit   int
	ARecordLimit     int
	OnlyPassing      bool
	EnableTruncate   bool
	AllowStale       bool
	MaxStale         time.Duration
	NoCompression    bool
	NodeMetaTXT      bool
	SOA              SOA
}

// SOA is what the zone says of itself, in seconds.
type SOA struct{ Refresh, Retry, Expire, MinTTL int }

// dns takes what is said of DNS, with Consul's defaults.
func (s *settler) dns(into *DNS) {
	*into = DNS{
		Port: 8600, Domain: "consul.", RecursorStrategy: "sequential", RecursorTimeout: 2 * time.Second, UDPAnswerLimit: 3,
		AllowStale: true, MaxStale: 87600 * time.Hour, NodeMetaTXT: true, SOA: SOA{Refresh: 3600, Retry: 600, Expire: 86400},
	}
	const most = 1 << 31
	s.port("ports.dns", &into.Port)
	if s.has("ports.dns") && into.Port > 0 {
		s.lacks("ports.dns", dns)
	}
	into.Addresses = s.expand("addresses.dns")
	s.text("domain", &into.Domain)
	s.text("alt_domain", &into.AltDomain)
	s.texts("recursors", &into.Recursors)
	s.choice("dns_config.recursor_strategy", &into.RecursorStrategy, "sequential", "random")
	s.span("dns_config.recursor_timeout", &into.RecursorTimeout)
	s.span("dns_config.node_ttl", &into.NodeTTL)
	s.span("dns_config.max_stale", &into.MaxStale)
	s.whole("dns_config.udp_answer_limit", &into.UDPAnswerLimit, 0, most)
	s.whole("dns_config.a_record_limit", &into.ARecordLimit, 0, most)
	s.flag("dns_config.only_passing", &into.OnlyPassing)
	s.flag("dns_config.enable_truncate", &into.EnableTruncate)
	s.flag("dns_config.allow_stale", &into.AllowStale)
	s.flag("dns_config.disable_compression", &into.NoCompression)
	s.flag("dns_config.enable_additional_node_meta_txt", &into.NodeMetaTXT)
	s.whole("dns_config.soa.refresh", &into.SOA.Refresh, 0, most)
	s.whole("dns_config.soa.retry", &into.SOA.Retry, 0, most)
	s.whole("dns_config.soa.expire", &into.SOA.Expire, 0, most)
	s.whole("dns_config.soa.min_ttl", &into.SOA.MinTTL, 0, most)

	var ttls map[string]string
	s.pairs("dns_config.service_ttl", &ttls)
	into.ServiceTTL = map[string]time.Duration{}
	for name, ttl := range ttls {
		span, err := time.ParseDuration(ttl)
		if err != nil || span < 0 {
			s.wrong("dns_config.service_ttl", "want a duration like \"10s\" for %s, got %q", name, ttl)
		}
		into.ServiceTTL[name] = span
	}
}
