package announce_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

func TestRegistrationValidate(t *testing.T) {
	good := announce.Registration{
		ID: "web-1", Service: "web/東京", Address: "2001:db8::1", Port: 65535, Tags: []string{""}, Meta: map[string]string{"k": ""},
		Weights: discover.Weights{Passing: 1},
		Check:   announce.HealthCheck{HTTP: "https://[::1]:1/health", Interval: time.Second},
	}
	tests := []struct {
		name  string
		spoil func(r *announce.Registration)
		want  string // part of the error; empty when there is none
	}{
		{"good", func(r *announce.Registration) {}, ""},
		{"least", func(r *announce.Registration) { *r = announce.Registration{ID: "1", Service: "web"} }, ""},
		{"no id", func(r *announce.Registration) { r.ID = "" }, "service id"},
		{"no service", func(r *announce.Registration) { r.Service = "" }, "service name"},
		{"id that leaves its place", func(r *announce.Registration) { r.ID = "../deregister/x" }, "service id"},
		{"NUL in the name", func(r *announce.Registration) { r.Service = "a\x00b" }, "service name"},
		{"newline in a tag", func(r *announce.Registration) { r.Tags = []string{"a\n"} }, "tag"},
		{"NUL in a meta key", func(r *announce.Registration) { r.Meta = map[string]string{"\x00": ""} }, "meta key"},
		{"NUL in a meta value", func(r *announce.Registration) { r.Meta = map[string]string{"k": "\x00"} }, "meta value"},
		{"empty meta key", func(r *announce.Registration) { r.Meta = map[string]string{"": "v"} }, "meta key"},
		{"no UTF-8", func(r *announce.Registration) { r.Address = "\xff" }, "address"},
		{"unspecified IPv4", func(r *announce.Registration) { r.Address = "0.0.0.0" }, "nobody can connect"},
		{"unspecified IPv6", func(r *announce.Registration) { r.Address = "::" }, "nobody can connect"},
		{"URL as address", func(r *announce.Registration) { r.Address = "http://host" }, "address"},
		{"negative port", func(r *announce.Registration) { r.Port = -1 }, "port -1"},
		{"port too high", func(r *announce.Registration) { r.Port = 65536 }, "port 65536"},
		{"negative weight", func(r *announce.Registration) { r.Weights = discover.Weights{Passing: -1} }, "weights"},
		{"no weight while passing", func(r *announce.Registration) { r.Weights = discover.Weights{Warning: 1} }, "weights"},
		{"check without host", func(r *announce.Registration) { r.Check.HTTP = "http:///health" }, "check URL"},
		{"check of another kind", func(r *announce.Registration) { r.Check.HTTP = "tcp://host:1" }, "check URL"},
		{"check that is no URL", func(r *announce.Registration) { r.Check.HTTP = "http://host:x" }, "check URL"},
		{"negative interval", func(r *announce.Registration) { r.Check.Interval = -1 }, "check"},
		{"zone of no region", func(r *announce.Registration) { r.Locality.Zone = "eu-1" }, "no region"},
		{"port in the address", func(r *announce.Registration) { r.Address = "127.0.0.1:80" }, "the port in Port"},
		{"port in the address, IPv6", func(r *announce.Registration) { r.Address = "[::1]:80" }, "the port in Port"},
		{"port after a name", func(r *announce.Registration) { r.Address = "web.example:80" }, "the port in Port"},
		{"brackets", func(r *announce.Registration) { r.Address = "[::1]" }, "without brackets"},
		{"zone of an address", func(r *announce.Registration) { r.Address = "fe80::1%eth0" }, ""},
		{"host name", func(r *announce.Registration) { r.Address = "web.example" }, ""},
		{"space in a meta key", func(r *announce.Registration) { r.Meta = map[string]string{"a b": ""} }, `meta key "a b": want letters`},
		{"dot in a meta key", func(r *announce.Registration) { r.Meta = map[string]string{"a.b": ""} }, "want letters"},
		{"the registry's meta key", func(r *announce.Registration) { r.Meta = map[string]string{"consul-x": ""} }, "registry's own"},
		{"long meta", func(r *announce.Registration) {
			r.Meta = map[string]string{strings.Repeat("k", 128): strings.Repeat("v", 512)}
		}, ""},
		{"meta key too long", func(r *announce.Registration) { r.Meta = map[string]string{strings.Repeat("k", 129): ""} }, "at most 128"},
		{"meta value too long", func(r *announce.Registration) { r.Meta = map[string]string{"k": strings.Repeat("v", 513)} }, "at most 512"},
		{"all the meta there may be", func(r *announce.Registration) { r.Meta = pairs(64) }, ""},
		{"more meta than there may be", func(r *announce.Registration) { r.Meta = pairs(65) }, "65 pairs: want at most 64"},
		{"check of a port that is none", func(r *announce.Registration) { r.Check.HTTP = "http://host:70000/" }, "port of 1 to 65535"},
		{"TCP port that is none", func(r *announce.Registration) { r.Check = announce.HealthCheck{TCP: "127.0.0.1:70000"} }, "port of 1 to 65535"},
		{"TCP port 0", func(r *announce.Registration) { r.Check = announce.HealthCheck{TCP: "[::1]:0"} }, "port of 1 to 65535"},
		{"gRPC port that is none", func(r *announce.Registration) { r.Check = announce.HealthCheck{GRPC: "h:x/web"} }, "port of 1 to 65535"},
		{"interval without a unit", func(r *announce.Registration) { r.Check.Interval = 15 }, "interval 15ns"},
		{"least interval", func(r *announce.Registration) { r.Check.Interval = 10 * time.Millisecond }, ""},
		{"two kinds", func(r *announce.Registration) { r.Check.TCP = "h:1" }, "HTTP and TCP: want one"},
		{"no check, and how to look", func(r *announce.Registration) { r.Check.HTTP, r.Check.Unchecked = "", true }, "and not to"},
		{"no check", func(r *announce.Registration) { r.Check = announce.HealthCheck{Unchecked: true} }, ""},
		{"gRPC", func(r *announce.Registration) { r.Check = announce.HealthCheck{GRPC: "[::1]:1/a.b/C", GRPCTLS: true} }, ""},
		{"gRPC without a port", func(r *announce.Registration) { r.Check = announce.HealthCheck{GRPC: "host/web"} }, "GRPC check"},
		{"HTTPS", func(r *announce.Registration) {
			r.Check = announce.HealthCheck{HTTP: "https://10.0.0.1/", TLSServerName: "web.example"}
		}, ""},
		{"gRPC with any certificate", func(r *announce.Registration) {
			r.Check = announce.HealthCheck{GRPC: "h:1", GRPCTLS: true, TLSSkipVerify: true}
		}, ""},
		{"a server's name without TLS", func(r *announce.Registration) {
			r.Check = announce.HealthCheck{HTTP: "http://10.0.0.1/", TLSServerName: "web.example"}
		}, "are for https and GRPCTLS"},
		{"a server's name that nobody looks at", func(r *announce.Registration) {
			r.Check = announce.HealthCheck{HTTP: "https://10.0.0.1/", TLSServerName: "web.example", TLSSkipVerify: true}
		}, "nobody looks at TLSServerName"},
		{"TLS for another kind", func(r *announce.Registration) { r.Check.GRPCTLS = true }, "GRPCTLS is for GRPC"},
		{"TCP", func(r *announce.Registration) { r.Check = announce.HealthCheck{TCP: "host:1"} }, ""},
		{"TCP without a host", func(r *announce.Registration) { r.Check = announce.HealthCheck{TCP: ":1"} }, "TCP check"},
		{"TTL", func(r *announce.Registration) {
			r.Check = announce.HealthCheck{TTL: time.Second, Status: discover.Critical}
		}, ""},
		{"TTL that wears all out", func(r *announce.Registration) { r.Check = announce.HealthCheck{TTL: time.Millisecond} }, "TTL 1ms"},
		{"status that is none", func(r *announce.Registration) { r.Check.Status = discover.Maintenance }, "status"},
		{"times without a check", func(r *announce.Registration) { r.Check.HTTP = "" }, "no kind"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := good
			test.spoil(&r)
			err := r.Validate()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.want != "" && (!errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got error %v, want ErrInvalid with %q", err, test.want)
			}
		})
	}
}

func pairs(n int) map[string]string {
	meta := make(map[string]string)
	for i := range n {
		meta[fmt.Sprint("k", i)] = ""
	}
	return meta
}
