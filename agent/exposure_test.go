package agent

import (
	"net/netip"
	"testing"

	"github.com/realjf/muster/agent/credential"
	"github.com/realjf/muster/agent/dns"
)

func TestExposures(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("::1"), netip.MustParseAddr("fd00::5")}
	from := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	verify := credential.Settings{Verify: true}
	for _, tc := range []struct {
		name     string
		config   Config
		door, at string
		want     exposure // without door and at; nothing for no exposure
	}{
		{"loopback", Config{}, "http", "127.0.0.1:8500", exposure{}},
		{"another loopback", Config{}, "http", "127.0.0.2:8500", exposure{}},
		{"loopback of IPv6", Config{}, "dns", "[::1]:8600", exposure{}},
		{"loopback of IPv4 in IPv6", Config{}, "dns", "[::ffff:127.0.0.1]:8600", exposure{}},
		{"one address", Config{}, "http", "10.0.0.5:8500", exposure{
			means:  "everybody who reaches 10.0.0.5:8500 can read and change the registry",
			advice: "set client_addr or addresses.http to 127.0.0.1, demand a token with muster.http_token_file, or let only some write with http_config.allow_write_http_from",
		}},
		{"all of IPv4", Config{AllowWriteFrom: from}, "http", "0.0.0.0:8500", exposure{
			machine: "10.0.0.5", guard: "http_config.allow_write_http_from",
			means: "everybody who reaches 0.0.0.0:8500 can read the registry, and some change it",
		}},
		{"all", Config{RemoteScripts: true}, "https", "[::]:8501", exposure{
			machine: "10.0.0.5 fd00::5",
			means:   "everybody who reaches [::]:8501 can read and change the registry and run programs on this machine",
			advice:  "set client_addr or addresses.https to 127.0.0.1, demand a token with muster.http_token_file, or let only some write with http_config.allow_write_http_from",
		}},
		{"client certificates", Config{TLS: verify}, "https", "10.0.0.5:8501", exposure{
			guard: "client certificates", means: "everybody who reaches 10.0.0.5:8501 with a client certificate can read and change the registry",
		}},
		{"client certificates are not asked for over HTTP", Config{TLS: verify, Stay: true}, "http", "10.0.0.5:8500", exposure{
			means: "everybody who reaches 10.0.0.5:8500 can read and change the registry",
		}},
		{"both", Config{TLS: verify, AllowWriteFrom: from}, "https", "10.0.0.5:8501", exposure{
			guard: "client certificates and http_config.allow_write_http_from",
			means: "everybody who reaches 10.0.0.5:8501 with a client certificate can read the registry, and some change it",
		}},
		{"DNS", Config{TLS: verify, DNSTLS: verify}, "dns", "10.0.0.5:8600", exposure{
			means: "everybody who reaches 10.0.0.5:8600 can ask which services there are and where", advice: "set addresses.dns to 127.0.0.1",
		}},
		{"a token", Config{HTTPTokenFile: "f", RemoteScripts: true}, "http", "10.0.0.5:8500", exposure{
			guard: "a token", means: "everybody who reaches 10.0.0.5:8500 and has a token can read and change the registry and run programs on this machine",
		}},
		{"DNS beside a token", Config{HTTPToken: "t"}, "dns", "10.0.0.5:8600", exposure{
			guard: "this machine alone", shut: true,
			means: "questions at 10.0.0.5:8600 are answered from this machine alone: they carry no token, and one is demanded; muster.dns_allow_from names the networks that are answered instead",
		}},
		{"DNS for a network beside a token", Config{HTTPToken: "t", DNS: dns.Settings{AnswerFrom: from}}, "dns", "10.0.0.5:8600", exposure{
			guard: "muster.dns_allow_from", means: "everybody who reaches 10.0.0.5:8600 from a network that may can ask which services there are and where",
		}},
		{"DNS over TLS", Config{}, "dns over tls", "10.0.0.5:853", exposure{
			means: "everybody who reaches 10.0.0.5:853 can ask which services there are and where", advice: "set addresses.dns_tls to 127.0.0.1",
		}},
		{"DNS over TLS with certificates", Config{DNSTLS: verify}, "dns over tls", "10.0.0.5:853", exposure{
			guard: "client certificates", means: "everybody who reaches 10.0.0.5:853 with a client certificate can ask which services there are and where",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.config.exposures([]bound{{tc.door, netip.MustParseAddrPort(tc.at)}}, own)
			if tc.want == (exposure{}) {
				if len(got) != 0 {
					t.Errorf("got %+v, want none", got)
				}
				return
			}
			tc.want.door, tc.want.at = tc.door, tc.at
			if len(got) != 1 || got[0] != tc.want {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}
