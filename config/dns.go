package config

import (
	"strings"
	"time"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/dns"
)

// defaultDNSPort is Consul's, defaultDNSTLSPort that of RFC 7858.
const (
	defaultDNSPort    = 8600
	defaultDNSTLSPort = 853
)

// dns takes where DNS listens, and how it answers.
func (s *settler) dns(into *agent.Config, clients []string) {
	port := defaultDNSPort
	s.port("ports.dns", &port)
	into.DNSAddr = s.doors("addresses.dns", clients, port)
	port = -1 // unless somebody asks for it
	if s.has("addresses.dns_tls") {
		port = defaultDNSTLSPort
	}
	s.port("ports.dns_tls", &port)
	into.DNSTLSAddr = s.doors("addresses.dns_tls", clients, port)
	s.text("domain", &into.Domain)
	s.text("alt_domain", &into.AltDomain)
	s.answers(&into.DNS)
}

// answers takes how DNS answers.
func (s *settler) answers(into *dns.Settings) {
	const most = 1<<31 - 1
	s.texts("recursors", &into.Recursors)
	strategy := ""
	s.choice("dns_config.recursor_strategy", &strategy, "sequential", "random")
	into.RandomRecursor = strategy == "random"
	s.span("dns_config.recursor_timeout", &into.RecursorTimeout)
	s.span("dns_config.node_ttl", &into.NodeTTL)
	s.whole("dns_config.udp_answer_limit", &into.UDPAnswerLimit, 0, most)
	s.whole("dns_config.a_record_limit", &into.ARecordLimit, 0, most)
	s.flag("dns_config.only_passing", &into.OnlyPassing)
	s.flag("dns_config.enable_truncate", &into.EnableTruncate)
	s.flag("dns_config.disable_compression", &into.NoCompression)
	s.flag("dns_config.enable_additional_node_meta_txt", &into.NodeMetaTXT)
	s.flag("dns_config.weighted_answers", &into.Weighted)
	s.networks("muster.dns_allow_from", &into.AnswerFrom)
	s.whole("dns_config.soa.refresh", &into.SOA.Refresh, 0, most)
	s.whole("dns_config.soa.retry", &into.SOA.Retry, 0, most)
	s.whole("dns_config.soa.expire", &into.SOA.Expire, 0, most)
	s.whole("dns_config.soa.min_ttl", &into.SOA.MinTTL, 0, most)

	var ttls map[string]string
	s.pairs("dns_config.service_ttl", &ttls)
	for name, ttl := range ttls {
		span, err := time.ParseDuration(ttl)
		if err != nil || span < 0 {
			s.wrong("dns_config.service_ttl", "want a duration like \"10s\" for %s, got %q", name, ttl)
		}
		if into.ServiceTTL == nil {
			into.ServiceTTL = map[string]time.Duration{}
		}
		into.ServiceTTL[strings.ToLower(name)] = span
	}
}
