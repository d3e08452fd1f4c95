package config

import (
	"crypto/tls"
	"strings"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/credential"
)

// tls takes how to speak it, for the doors that do.
func (s *settler) tls(into *agent.Config) {
	switch https := (protocol{s, "https"}); {
	case into.HTTPSAddr == "":
	case !s.has(https.key("cert_file")) || !s.has(https.key("key_file")):
		s.warn("ports.https: nothing listens there without a certificate: give tls.https.cert_file and tls.https.key_file")
		into.HTTPSAddr = ""
	default:
		into.TLS = https.settings()
	}
	switch dns := (protocol{s, "dns"}); {
	case into.DNSTLSAddr == "":
	case !s.has(dns.key("cert_file")) || !s.has(dns.key("key_file")):
		asked := "ports.dns_tls"
		if !s.has(asked) {
			asked = "addresses.dns_tls"
		}
		s.wrong(asked, "DNS over TLS needs a certificate: give tls.defaults.cert_file and tls.defaults.key_file, or those of tls.dns")
		into.DNSTLSAddr = ""
	default:
		into.DNSTLS = dns.settings()
	}
}

// protocol takes what the files say of TLS of one protocol.
type protocol struct {
	*settler
	name string
}

// key returns where a setting is given that wins over the others.
func (p protocol) key(name string) string {
	all := agent.TLSKeys(p.name, name)
	for _, key := range all {
		if p.has(key) {
			return key
		}
	}
	return all[0]
}

func (p protocol) settings() (all credential.Settings) {
	p.text(p.key("cert_file"), &all.Cert)
	p.text(p.key("key_file"), &all.Key)
	p.text(p.key("ca_file"), &all.CAFile)
	p.text(p.key("ca_path"), &all.CAPath)
	p.flag(p.key("verify_incoming"), &all.Verify)
	all.MinVersion = p.version()
	all.Ciphers = p.ciphers(all.MinVersion)
	return all
}

func (p protocol) version() uint16 {
	key := p.key("tls_min_version")
	version := "TLSv1_2"
	p.text(key, &version)
	switch version {
	case "TLSv1_3", "tls13":
		return tls.VersionTLS13
	case "TLSv1_2", "tls12", "TLS_AUTO", "":
	case "TLSv1_0", "TLSv1_1", "tls10", "tls11":
		p.warn("%s: TLS before 1.2 is broken, and not spoken", key)
	default:
		p.wrong(key, "want TLSv1_2 or TLSv1_3, got %q", version)
	}
	return tls.VersionTLS12
}

// ciphers returns those that may be spoken up to TLS 1.2. Later ones have none
// to choose.
func (p protocol) ciphers(least uint16) (all []uint16) {
	key := p.key("tls_cipher_suites")
	var given string
	p.text(key, &given)
	if strings.TrimSpace(given) == "" {
		return nil
	}
	if least >= tls.VersionTLS13 {
		p.warn("%s is without effect: it is about TLS up to 1.2, which %s does not allow", key, p.key("tls_min_version"))
		return nil
	}
	for name := range strings.SplitSeq(given, ",") {
		if id, known := cipher(strings.TrimSpace(name)); known {
			all = append(all, id)
		} else {
			p.wrong(key, "want some of %s, got %q", strings.Join(cipherNames(), ","), name)
		}
	}
	return all
}

// cipher returns the number of a cipher of TLS 1.2 that Go calls secure.
func cipher(name string) (id uint16, known bool) {
	for _, suite := range tls.CipherSuites() {
		if suite.Name == name && suite.SupportedVersions[0] < tls.VersionTLS13 {
			return suite.ID, true
		}
	}
	return 0, false
}

func cipherNames() (names []string) {
	for _, suite := range tls.CipherSuites() {
		if _, known := cipher(suite.Name); known {
			names = append(names, suite.Name)
		}
	}
	return names
}
