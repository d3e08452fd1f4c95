package agent

import (
	"errors"
	"strings"

	"github.com/realjf/muster/agent/credential"
)

// keys are the keys of Consul's files that the fields of a [Config] come from:
// by them people know a setting.
var keys = map[string][]string{
	"HTTPAddr":            {"addresses.http", "client_addr", "ports.http"},
	"HTTPSAddr":           {"addresses.https", "client_addr", "ports.https"},
	"TLS":                 {"tls.https"},
	"DNSAddr":             {"addresses.dns", "client_addr", "ports.dns"},
	"DNSTLSAddr":          {"addresses.dns_tls", "client_addr", "ports.dns_tls"},
	"DNSTLS":              {"tls.dns"},
	"Domain":              {"domain"},
	"AltDomain":           {"alt_domain"},
	"DNS":                 {"recursors", "dns_config"},
	"UnixSockets":         {"unix_sockets.mode", "unix_sockets.user", "unix_sockets.group"},
	"DataDir":             {"data_dir"},
	"CutDamaged":          {"-cut-damaged"},
	"Node":                {"node_name"},
	"NodeID":              {"node_id"},
	"NodeMeta":            {"node_meta"},
	"NodeAddress":         {"advertise_addr", "advertise_addr_ipv4", "advertise_addr_ipv6", "bind_addr"},
	"WANAddress":          {"advertise_addr_wan", "advertise_addr_wan_ipv4", "advertise_addr_wan_ipv6"},
	"TaggedAddresses":     {"tagged_addresses"},
	"Datacenter":          {"datacenter"},
	"HTTPHosts":           {"muster.http_hosts"},
	"HTTPToken":           {"muster.http_token"},
	"HTTPTokenFile":       {"muster.http_token_file"},
	"MaxConnsPerClient":   {"limits.http_max_conns_per_client"},
	"Limits":              {"limits"},
	"MaxHeaderBytes":      {"http_config.max_header_bytes"},
	"ServerPort":          {"ports.server"},
	"SerfPort":            {"ports.serf_lan"},
	"MinSessionTTL":       {"session_ttl_min"},
	"SidecarPorts":        {"ports.sidecar_min_port", "ports.sidecar_max_port"},
	"TrustDomain":         {"connect.ca_config.cluster_id"},
	"ProxiesAsRegistered": {"enable_central_service_config"},
	"CheckUpdateInterval": {"check_update_interval"},
	"CheckFlapDamping":    {"check_flap_damping"},
	"CheckOutputMaxSize":  {"check_output_max_size"},
	"Telemetry":           {"telemetry"},
	"Pretty":              {"-dev"},
}

// partKeys are the keys of a protocol that say which files its TLS is made of.
var partKeys = map[credential.Part][]string{
	credential.Certificate: {"cert_file"},
	credential.Key:         {"key_file"},
	credential.Authorities: {"ca_file", "ca_path", "verify_incoming"},
}

// fileKeys are the keys that a fault of a protocol's files comes from, those
// first that win over the others.
func fileKeys(protocol string, err error) (all []string) {
	var fault *credential.Fault
	if !errors.As(err, &fault) {
		return nil
	}
	for _, name := range partKeys[fault.Part] {
		all = append(all, TLSKeys(protocol, name)...)
	}
	return all
}

// TLSKeys are the keys that may say something of TLS of a protocol, "https" or
// "dns", those first that win over the others: its own, those of all protocols,
// and the old one. DNS does as HTTPS does where nobody says otherwise.
func TLSKeys(protocol, name string) []string {
	var all []string
	if protocol != "https" {
		all = append(all, "tls."+protocol+"."+name)
	}
	all = append(all, "tls.https."+name)
	if name == "verify_incoming" {
		all = append(all, "verify_incoming_https")
	}
	return append(all, "tls.defaults."+name, name)
}

// Fault is what is wrong with a setting.
type Fault struct {
	// Setting is what it is called in words.
	Setting string
	// Keys are those of Consul's files that it comes from.
	Keys []string
	Err  error
}

// Error names the setting in words, and says what is wrong with it.
func (f Fault) Error() string { return f.Setting + " " + f.Err.Error() }

// Unwrap returns what is wrong.
func (f Fault) Unwrap() error { return f.Err }

// Faults are everything that is wrong with a [Config]: each a [Fault], or one of
// a definition, which says where that stands.
type Faults []error

// Error says all of them, a line each.
func (f Faults) Error() string { return errors.Join(f...).Error() }

// Unwrap returns each of them.
func (f Faults) Unwrap() []error { return f }

// called returns what people know a field of a Config by.
func called(field string) string {
	if known := keys[field]; known != nil {
		return strings.Join(known, " or ")
	}
	return field
}
