package config_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/agent/dns"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/telemetry"
	"github.com/realjf/muster/config"
)

// folder returns a folder with files, by name.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readAgent returns what muster agent makes of its arguments, and how to read
// its files again.
func readAgent(t *testing.T, args ...string) (config.Agent, func() (config.Agent, error), error) {
	t.Helper()
	flags, read := config.AgentFlags()
	var a config.Agent
	cmd := &cli.Command{
		Name: "agent", Flags: flags, Writer: io.Discard, ErrWriter: io.Discard,
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		Action: func(context.Context, *cli.Command) (err error) {
			a, err = read()
			return err
		},
	}
	err := cmd.Run(t.Context(), append([]string{"agent"}, args...))
	return a, read, err
}

// agentOf returns the settings of a registry in memory with one more file.
func agentOf(t *testing.T, hcl string, args ...string) config.Agent {
	t.Helper()
	t.Chdir(folder(t, map[string]string{"a.hcl": hcl}))
	a, _, err := readAgent(t, append([]string{"-dev", "-config-file", "a.hcl"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAgentDefaults(t *testing.T) {
	a, _, err := readAgent(t, "-dev")
	if err != nil {
		t.Fatal(err)
	}
	want := agent.DevConfig()
	want.Version = a.Registry.Version
	if !reflect.DeepEqual(a.Registry, want) {
		t.Errorf("got  %+v\nwant %+v", a.Registry, want)
	}
	if a.Log != (config.Log{Level: slog.LevelInfo, Format: config.Logfmt, File: config.LogFile{Span: 24 * time.Hour}}) {
		t.Errorf("log: got %+v", a.Log)
	}
	if len(a.Warnings) != 0 {
		t.Errorf("got the warnings %q", a.Warnings)
	}
}

func TestLaterFilesWinAndFlagsOverAll(t *testing.T) {
	dir := folder(t, map[string]string{
		"1.hcl":      `node_name = "one" datacenter = "dc1" node_meta { a = "1" b = "1" } recursors = ["1.1.1.1"] service { name = "s1" }`,
		"2.json":     `{"node_name":"two","node_meta":{"b":"2"},"recursors":["2.2.2.2"],"services":[{"name":"s2"}],"log_level":"DEBUG"}`,
		"3.txt":      `not read`,
		"4.hcl":      `node_name = "four"`,
		"other.conf": `node_name = "other"`,
	})
	if err := os.Mkdir(filepath.Join(dir, "5.hcl"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder(t, map[string]string{"0.hcl": `node_name = "zero"`}), "0.hcl")
	a, _, err := readAgent(t, "-dev", "-config-dir", dir, "-recursor", "9.9.9.9", "-node-meta", "c:d:e", "-node-meta=f:g", "-datacenter", "DC7", "-log-level=warn")
	if err != nil {
		t.Fatal(err)
	}
	r := a.Registry
	if r.Node != "four" || r.Datacenter != "dc7" || !maps.Equal(r.NodeMeta, map[string]string{"a": "1", "b": "2", "c": "d:e", "f": "g"}) {
		t.Errorf("got %s %s %v", r.Node, r.Datacenter, r.NodeMeta)
	}
	if want := []string{"9.9.9.9", "1.1.1.1", "2.2.2.2"}; !slices.Equal(r.DNS.Recursors, want) {
		t.Errorf("recursors: got %q, want %q", r.DNS.Recursors, want)
	}
	if a.Log.Level != slog.LevelWarn || len(r.Services) != 2 || string(r.Services[0].Body) != `{"name":"s1"}` || string(r.Services[1].Body) != `{"name":"s2"}` {
		t.Errorf("got level %v and services %s", a.Log.Level, r.Services)
	}
	if got := strings.Join(a.Warnings, "\n"); !strings.Contains(got, "3.txt") || !strings.Contains(got, "other.conf") {
		t.Errorf("the warnings do not name what was left out: %q", got)
	}

	// Files and folders count in the order in which they are given.
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-config-file", file, "-config-dir", dir}, "four"},
		{[]string{"-config-dir", dir, "-config-file", file}, "zero"},
		{[]string{"-config-dir", dir, "-node", "flag"}, "flag"},
		{[]string{"-node", "flag", "-hcl", `node_name = "fragment"`, "-config-dir", dir}, "fragment"},
		{[]string{"-config-file", file, "-config-file", filepath.Join(dir, "other.conf"), "-config-format", "hcl"}, "other"},
	} {
		a, _, err := readAgent(t, append(tc.args, "-dev")...)
		if err != nil || a.Registry.Node != tc.want {
			t.Errorf("%q: got %q, %v, want %q", tc.args, a.Registry.Node, err, tc.want)
		}
	}
}

func TestEnvironmentIsAFlag(t *testing.T) {
	t.Setenv("MUSTER_AGENT_NODE", "env")
	t.Setenv("MUSTER_AGENT_HTTP_PORT", "7")
	t.Setenv("MUSTER_LOG_LEVEL", "error")
	t.Setenv("MUSTER_AGENT_DEV", "true")
	a, _, err := readAgent(t, "-http-port", "9")
	if err != nil {
		t.Fatal(err)
	}
	if a.Registry.Node != "env" || a.Registry.HTTPAddr != "127.0.0.1:9" || a.Log.Level != slog.LevelError {
		t.Errorf("got %s at %s, %v", a.Registry.Node, a.Registry.HTTPAddr, a.Log.Level)
	}
}

// TestKeysHaveTheirEffect shows each key with an effect on the agent.
func TestKeysHaveTheirEffect(t *testing.T) {
	a := agentOf(t, `
node_name = "n1"
node_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e"
bind_addr = "10.0.0.1"
client_addr = "127.0.0.1 ::1"
advertise_addr_wan = "192.0.2.1"
tagged_addresses { rack = "10.1.1.1" }
ports { http = 8510 dns = 8511 sidecar_min_port = 1 sidecar_max_port = 2 server = 3 serf_lan = 4 }
addresses { https = "127.0.0.1" dns = "127.0.0.1 {{ \"::1\" }}" }
unix_sockets { user = "root" group = "0" mode = "0700" }
http_config {
  response_headers { "X-A" = "b" }
  block_endpoints = ["/v1/acl"]
  allow_write_http_from = ["10.1.2.3/8"]
  max_header_bytes = 4096
}
limits { http_max_conns_per_client = 7 kv_max_value_size = 8 txn_max_req_len = 9 snapshot_max_size = 10 request_limits { mode = "permissive" read_rate = 0.5 write_rate = -1 } }
log_level = "TRACE"
log_json = true
log_file = "x/"
log_rotate_bytes = 5
log_rotate_duration = "1h"
log_rotate_max_files = -1
pid_file = "p"
enable_debug = false
check_update_interval = "7s" default_query_time = "9s" max_query_time = "10s" session_ttl_min = "1s"
primary_datacenter = "DC1" enable_central_service_config = false connect { ca_config { cluster_id = "ADF4238A-882b-9ddc-4a9d-5b6758e4159e" } }
domain = "one." alt_domain = "two" recursors = ["10.0.0.1", "[::1]:54"]
dns_config { only_passing = true service_ttl { "*" = "5s" "DB" = "1m" } node_ttl = "2s" soa { refresh = 2 retry = 1 expire = 3 min_ttl = 4 }
  allow_stale = true max_stale = "1s" use_cache = true cache_max_age = "1s" recursor_strategy = "random" recursor_timeout = "3s"
  udp_answer_limit = 5 a_record_limit = 6 enable_truncate = true disable_compression = true enable_additional_node_meta_txt = false weighted_answers = true }
telemetry { metrics_prefix = "m" disable_hostname = true } muster { http_token = "t" http_hosts = [".a.example"] dns_allow_from = ["10.1.2.3/8"] }
check { name = "c", ttl = "5s" }
`)
	r := a.Registry
	want := r
	want.Node, want.NodeID, want.NodeAddress, want.WANAddress = "n1", "adf4238a-882b-9ddc-4a9d-5b6758e4159e", "10.0.0.1", "192.0.2.1"
	want.TaggedAddresses = map[string]string{"rack": "10.1.1.1"}
	want.HTTPAddr, want.HTTPSAddr, want.DNSAddr = "127.0.0.1:8510 [::1]:8510", "", "127.0.0.1:8511 [::1]:8511"
	want.Domain, want.AltDomain = "one.", "two"
	want.DNS = dns.Settings{
		NodeTTL: 2 * time.Second, ServiceTTL: map[string]time.Duration{"*": 5 * time.Second, "db": time.Minute},
		UDPAnswerLimit: 5, ARecordLimit: 6, OnlyPassing: true, EnableTruncate: true, NoCompression: true, Weighted: true,
		AnswerFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		SOA:        dns.SOA{Refresh: 2, Retry: 1, Expire: 3, MinTTL: 4}, Recursors: []string{"10.0.0.1", "[::1]:54"},
		RandomRecursor: true, RecursorTimeout: 3 * time.Second,
	}
	want.UnixSockets = agent.UnixSockets{User: "root", Group: "0", Mode: "0700"}
	want.ResponseHeaders, want.BlockEndpoints = map[string]string{"X-A": "b"}, []string{"/v1/acl"}
	want.AllowWriteFrom, want.MaxHeaderBytes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, 4096
	want.MaxConnsPerClient, want.CheckUpdateInterval, want.EnableDebug = 7, 7*time.Second, false
	want.Limits = api.Limits{ValueBytes: 8, TransactionBytes: 9, SnapshotBytes: 10, Mode: api.RatePermissive, ReadRate: 0.5, WriteRate: -1}
	want.ServerPort, want.SerfPort = 3, 4
	want.HTTPToken, want.HTTPHosts = "t", []string{".a.example"}
	want.Telemetry = telemetry.Config{Prefix: "m", HideHostname: true}
	want.DefaultWait, want.LongestWait, want.MinSessionTTL = 9*time.Second, 10*time.Second, time.Second
	want.ProxiesAsRegistered, want.TrustDomain = true, "adf4238a-882b-9ddc-4a9d-5b6758e4159e.consul"
	want.SidecarPorts = local.PortRange{Min: 1, Max: 2}
	want.Checks = []agent.Definition{{Where: "a.hcl:33: checks[0]", Body: []byte(`{"name":"c","ttl":"5s"}`)}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	if want := (config.Log{Level: slog.LevelDebug - 4, Format: config.JSON, File: config.LogFile{Path: "x/", Bytes: 5, Span: time.Hour, Keep: -1}}); a.Log != want {
		t.Errorf("log: got %+v, want %+v", a.Log, want)
	}
	if a.PIDFile != "p" {
		t.Errorf("got %q", a.PIDFile)
	}
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		name, hcl  string
		http, node string
	}{
		{"no HTTP", `ports { http = -1 }`, "", "127.0.0.1"},
		{"a socket needs no port", `ports { http = -1 } addresses { http = "unix:///x" }`, "unix:///x", "127.0.0.1"},
		{"several", `addresses { http = "127.0.0.1 unix:///x [::1]" }`, "127.0.0.1:8500 unix:///x [::1]:8500", "127.0.0.1"},
		{"a template", `client_addr = "{{ \"127.0.0.9\" }}" advertise_addr = "{{ printf \"10.0.0.%d\" 3 }}"`, "127.0.0.9:8500", "10.0.0.3"},
		{"a free port", `ports { http = 0 }`, "127.0.0.1:0", "127.0.0.1"},
		{"IPv6", `bind_addr = "[2001:db8::1]"`, "127.0.0.1:8500", "2001:db8::1"},
		{"the advertised over the bound", `bind_addr = "0.0.0.0" advertise_addr = "10.0.0.2"`, "127.0.0.1:8500", "10.0.0.2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if r := agentOf(t, tc.hcl).Registry; r.HTTPAddr != tc.http || r.NodeAddress != tc.node {
				t.Errorf("got %q and %s, want %q and %s", r.HTTPAddr, r.NodeAddress, tc.http, tc.node)
			}
		})
	}
}

// TestDefinitionsAreBodies: what a file says of a service is what would be
// sent to register it.
func TestDefinitionsAreBodies(t *testing.T) {
	a := agentOf(t, `
service {
  id = "web-1"
  name = "web"
  tagged_addresses { lan_ipv4 { address = "10.0.0.1" port = 1 } }
  meta { "a_b" = "c_d" }
  enable_tag_override = true
  weights { passing = 2 }
  checks = [{ id = "c1", http = "http://x", interval = "5s", tls_skip_verify = true, header { "X_A" = ["b"] } }]
}
`)
	want := `{"checks":[{"CheckID":"c1","header":{"X_A":["b"]},"http":"http://x","interval":"5s","tlsskipverify":true}],` +
		`"enabletagoverride":true,"id":"web-1","meta":{"a_b":"c_d"},"name":"web",` +
		`"taggedaddresses":{"lan_ipv4":{"address":"10.0.0.1","port":1}},"weights":{"passing":2}}`
	if got := a.Registry.Services; len(got) != 1 || string(got[0].Body) != want || got[0].Where != "a.hcl:2: services[0]" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestChecksOfTheMachine: they may be asked for in a file and on the command
// line alike.
func TestChecksOfTheMachine(t *testing.T) {
	a := agentOf(t, "check {\n  host = \"swap<50%\"\n}", "-check", "memory<90% warn 80%", "-check", "disk:/var<85%")
	want := []agent.Definition{
		{Where: "-check: checks[0]", Body: []byte(`{"host":"memory\u003c90% warn 80%"}`)},
		{Where: "-check: checks[1]", Body: []byte(`{"host":"disk:/var\u003c85%"}`)},
		{Where: "a.hcl:1: checks[2]", Body: []byte(`{"host":"swap\u003c50%"}`)},
	}
	if got := a.Registry.Checks; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, _, err := readAgent(t, "-dev", "-check", "ram<90%"); err == nil || !strings.Contains(err.Error(), `-check: checks[0]: Invalid check: bound "ram<90%": there is no gauge "ram"`) {
		t.Errorf("a gauge that there is not: got %v", err)
	}
}

func TestConfigEntriesAreBodies(t *testing.T) {
	a := agentOf(t, `config_entries {
  bootstrap {
    kind = "service-intentions"
    name = "web"
    sources { name = "a_b" action = "allow" }
    sources { name = "c" action = "deny" }
  }
}`)
	want := `{"kind":"service-intentions","name":"web","sources":[{"action":"allow","name":"a_b"},{"action":"deny","name":"c"}]}`
	if got := a.Registry.ConfigEntries; len(got) != 1 || string(got[0].Body) != want || got[0].Where != "a.hcl:2: config_entries.bootstrap[0]" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatHasNoEffectIsWarnedOf(t *testing.T) {
	a := agentOf(t, `
server = true
bootstrap_expect = 1
data_dir = "d"
retry_join = ["10.0.0.1"]
encrypt = "x"
performance { raft_multiplier = 1 }
acl { enabled = false default_policy = "allow" tokens {} }
connect { enabled = true ca_config { leaf_cert_ttl = "1h" } }
peering { enabled = false }
ports { grpc = -1 grpc_tls = 8503 serf_lan = 1 }
segments = []
domain = "x."
`, "-dns-port", "8600", "-raft-protocol", "3", "-ui")
	want := []string{
		"data_dir d: with -dev everything is in memory, and nothing is kept there",
		"without effect: connect.ca_config, connect.enabled, ports.grpc_tls (the mesh has no certificates and no xDS yet: proxies are announced, not driven)",
		"without effect: encrypt, retry_join (muster is one server, and joins nobody: clusters are Consul's)",
		"without effect: acl.default_policy (there is no access control yet, and everyone may do everything)",
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(a.Warnings))
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWithoutDevModeAFolderIsAskedFor(t *testing.T) {
	if _, _, err := readAgent(t, "-server"); !errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), "give -data-dir FOLDER (data_dir)") {
		t.Errorf("got %v, want to be told of -data-dir", err)
	}
	a, _, err := readAgent(t, "-server", "-data-dir", "d", "-bootstrap-expect", "1", "-bind", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Warnings) != 0 || a.Registry.DataDir != "d" {
		t.Errorf("got the warnings %q and the folder %q, want d", a.Warnings, a.Registry.DataDir)
	}
	if a.Registry.Pretty || a.Registry.EnableDebug {
		t.Errorf("got %+v, want no dev mode", a.Registry)
	}
}

func TestWrongAgentSettingsAreExplained(t *testing.T) {
	for _, tc := range []struct {
		name, hcl string
		says      string
	}{
		{"an unknown key", "\nports { htp = 1 }", "a.hcl:2: ports.htp: no such key; did you mean ports.http?"},
		{"a wrong type", `node_name = 5`, "a.hcl:1: node_name: want text, got the number 5"},
		{"a port", `ports { http = 70000 }`, "a.hcl:1: ports.http: want -1 to 65535, got 70000"},
		{"an address", `client_addr = "here"`, `a.hcl:1: client_addr: want IP addresses, got "here"`},
		{"a socket for clients", `client_addr = "unix:///x"`, "a.hcl:1: client_addr: want IP addresses"},
		{"two addresses", `bind_addr = "10.0.0.1 10.0.0.2"`, "a.hcl:1: bind_addr: want one IP address, got 10.0.0.1 10.0.0.2"},
		{"everywhere advertised", `advertise_addr = "0.0.0.0"`, "a.hcl:1: advertise_addr: want the address of this machine"},
		{"a template", `bind_addr = "{{ nonsense }}"`, `a.hcl:1: bind_addr: "{{ nonsense }}": `},
		{"access control", "acl { enabled = true }", "a.hcl:1: acl.enabled: there is no access control yet"},
		{"access control of old", `acl_datacenter = "dc1"`, "a.hcl:1: acl_datacenter: it turns access control on"},
		{"a cluster", "bootstrap_expect = 3", "a.hcl:1: bootstrap_expect: muster is one server"},
		{"another primary", `primary_datacenter = "dc2"`, "a.hcl:1: primary_datacenter: muster is its own primary"},
		{"a network", `http_config { allow_write_http_from = ["x"] }`, `a.hcl:1: http_config.allow_write_http_from: want networks like 10.0.0.0/8, got "x"`},
		{"a level", `log_level = "loud"`, `a.hcl:1: log_level: want trace, debug, info, warn or error, got "loud"`},
		{"a negative time", `check_update_interval = "-1s"`, "a.hcl:1: check_update_interval: want a time that is not negative"},
		{"a word", `dns_config { recursor_strategy = "x" }`, "a.hcl:1: dns_config.recursor_strategy: want sequential or random"},
		{"a TTL", `dns_config { service_ttl { web = "x" } }`, "a.hcl:1: dns_config.service_ttl: want a duration"},
		{"a certificate", `ports { https = 1 } tls { https { cert_file = "none" key_file = "none" } }`, "a.hcl:1: tls.https.cert_file: open none"},
		{"a TLS version", `ports { https = 1 } cert_file = "x" key_file = "x" tls_min_version = "x"`, "cert_file: open x"},
		{"a node id", `node_id = "x"`, `a.hcl:1: node_id: "x": must be a UUID`},
		{"node meta", `node_meta { "consul-x" = "y" }`, "a.hcl:1: node_meta: Couldn't load metadata pair ('consul-x', 'y'): Key prefix 'consul-' is reserved"},
		{"a cluster's id", `connect { ca_config { cluster_id = "x" } }`, `a.hcl:1: connect.ca_config.cluster_id: want a UUID, 36 characters long, got "x"`},
		{"a mode", `unix_sockets { mode = "rwx" }`, `a.hcl:1: unix_sockets.mode: mode of sockets "rwx"`},
		{"a rate", `limits { request_limits { read_rate = 0 } }`, "a.hcl:1: limits.request_limits.read_rate: nobody would be let in"},
		{"a mode of rates", `limits { request_limits { mode = "x" } }`, "a.hcl:1: limits.request_limits.mode: want disabled or permissive or enforcing"},
		{"a service", "\nservice { port = 1 }", "a.hcl:2: services[0]: Missing service name"},
		{"a check", `check { name = "x" interval = "5s" }`, "a.hcl:1: checks[0]: Invalid check: "},
		{"a config entry", `config_entries { bootstrap { kind = "bogus" name = "x" } }`, "a.hcl:1: config_entries.bootstrap[0]: invalid config entry kind: bogus"},
		{"faults of both kinds", "zzzzz = 1\nacl { enabled = true }", "a.hcl:1: zzzzz: no such key\na.hcl:2: acl.enabled"},
		{"no HCL", `a b c`, "a.hcl:1: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Chdir(folder(t, map[string]string{"a.hcl": tc.hcl}))
			_, _, err := readAgent(t, "-dev", "-config-file", "a.hcl")
			if !errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got  %v\nwant %s", err, tc.says)
			}
		})
	}
}

// TestAllFaultsAreToldAtOnce has some of the names, of the values and of the
// definitions; nothing is said twice of the same.
func TestAllFaultsAreToldAtOnce(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"a.hcl": `
nod_name = "x"
client_addr = "here"
bind_addr = "0.0.0.0 1"
datacenter = "a b"
node_id = "x"
service { name = 5 }
services = [{ port = 1 }]
check { name = "x" interval = "soon" }
config_entries { bootstrap { kind = "bogus" name = "x" } }
`, "b.json": `{"node_meta": {"consul-x": "y"}, "log_level": "loud",
"services": [{"name": "a"}, {"name": "a"}]}`}))
	a, _, err := readAgent(t, "-config-dir", ".", "-advertise-wan", "0.0", "-http-port", "70000")
	want := []string{
		"invalid setting: a.hcl:2: nod_name: no such key; did you mean node_name?",
		`a.hcl:7: service.name: want text, got the number 5`,
		`a.hcl:9: check.interval: want a duration like "10s", got "soon"`,
		`-http-port: ports.http: want -1 to 65535, got 70000`,
		`a.hcl:3: client_addr: want IP addresses, got "here"`,
		`a.hcl:4: bind_addr: want IP addresses, got "1"`,
		`-advertise-wan: advertise_addr_wan: want IP addresses, got "0.0"`,
		`b.json:1: log_level: want trace, debug, info, warn or error, got "loud"`,
		`a.hcl:6: node_id: "x": must be a UUID, 36 characters long`,
		`b.json:1: node_meta: Couldn't load metadata pair ('consul-x', 'y'): Key prefix 'consul-' is reserved for internal use`,
		`a.hcl:5: datacenter: "a b": must hold only lower-case letters, digits, - and _`,
		`a.hcl:8: services[1]: Missing service name`,
		`b.json:2: services[3]: there is a service a already, in b.json:2: services[2]`,
		`a.hcl:10: config_entries.bootstrap[0]: invalid config entry kind: bogus`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
	if len(a.Warnings) != 0 {
		t.Errorf("got the warnings %q", a.Warnings)
	}
}

func TestWrongAgentFlagsAreExplained(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"a.yaml": ""}))
	if err := os.Symlink("nowhere", "b.hcl"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		says string
	}{
		{[]string{"-http-port", "x"}, "want a whole number"},
		{[]string{"-http-port", "70000"}, "-http-port: ports.http: want -1 to 65535"},
		{[]string{"-server=maybe"}, "want true or false"},
		{[]string{"-node-meta", "x"}, "want KEY:VALUE"},
		{[]string{"-config-file", "none.hcl"}, "none.hcl: no such file"},
		{[]string{"-config-file", "a.yaml"}, "a.yaml: want a name that ends in .json or .hcl"},
		{[]string{"-config-format", "yaml"}, `-config-format "yaml": want json or hcl`},
		{[]string{"-config-dir", "."}, "b.hcl: a link that leads nowhere"},
		{[]string{"-hcl", "x = 1"}, "-hcl:1: x: no such key"},
		{[]string{"-no-such-flag"}, "no-such-flag"},
	} {
		if _, _, err := readAgent(t, append(tc.args, "-dev")...); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: got %v, want %q", tc.args, err, tc.says)
		}
	}
}

// TestAnEmptySecret: what is given empty was to be something, and would leave the
// door open.
func TestAnEmptySecret(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"a.hcl": "\nmuster { http_token = \"\" }", "a.json": `{"muster": {"http_token_file": ""}}`, "token": "t"}))
	for _, tc := range []struct {
		variable string // that is set and empty
		args     []string
		says     string // nothing for no fault
	}{
		{"", []string{"-http-token="}, "-http-token: muster.http_token: it is empty"},
		{"", []string{"-http-token", " "}, "-http-token: muster.http_token: it is empty"},
		{"", []string{"-http-token-file="}, "-http-token-file: muster.http_token_file: it is empty"},
		{"", []string{"-config-file", "a.hcl"}, "a.hcl:2: muster.http_token: it is empty"},
		{"", []string{"-config-file", "a.json"}, "muster.http_token_file: it is empty"},
		{"", []string{"-hcl", `muster { http_token = "" }`}, "muster.http_token: it is empty"},
		{"MUSTER_AGENT_HTTP_TOKEN", nil, "MUSTER_AGENT_HTTP_TOKEN: muster.http_token: it is empty"},
		{"MUSTER_AGENT_HTTP_TOKEN_FILE", nil, "MUSTER_AGENT_HTTP_TOKEN_FILE: muster.http_token_file: it is empty"},
		{"MUSTER_AGENT_HTTP_TOKEN", []string{"-http-token=t"}, ""},
		{"MUSTER_AGENT_HTTP_PORT", []string{"-http-token-file=token"}, ""},
	} {
		t.Run(tc.variable+strings.Join(tc.args, " "), func(t *testing.T) {
			if tc.variable != "" {
				t.Setenv(tc.variable, "")
			}
			_, _, err := readAgent(t, append(tc.args, "-dev")...)
			if (err != nil) != (tc.says != "") || err != nil && (!errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"a.hcl": ``}))
	a, read, err := readAgent(t, "-dev", "-config-file", "a.hcl")
	if err != nil || len(a.Registry.Services) != 0 {
		t.Fatalf("an empty file: got %v, %v", a.Registry.Services, err)
	}
	if err := os.WriteFile("a.hcl", []byte(`service { name = "web" }`), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err = read(); err != nil || len(a.Registry.Services) != 1 {
		t.Errorf("got %v, %v, want the service", a.Registry.Services, err)
	}
}
