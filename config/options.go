package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/internal/keyfile"
)

// option is a flag of consul agent, and the key of a file that says the same.
type option struct {
	name  string
	key   string
	usage string
}

// options are Consul's
// (https://developer.hashicorp.com/consul/docs/agent/config/cli-flags), and
// some of muster's own.
var options = []option{
	{"client", "client_addr", "IP `ADDRESSES` to listen on, 127.0.0.1 by default; any but a loopback address lets other machines in"},
	{"http-port", "ports.http", "`PORT` of the HTTP API and the web page, 8500 by default; 0 takes a free one, -1 none"},
	{"https-port", "ports.https", "`PORT` of the same over TLS, none by default"},
	{"alt-domain", "alt_domain", "`DOMAIN` with the same names as -domain"},
	{"dns-port", "ports.dns", "`PORT` of DNS, over UDP and TCP, 8600 by default; 0 takes a free one, -1 none"},
	{"dns-tls-port", "ports.dns_tls", "`PORT` of DNS over TLS, none by default; it needs tls.defaults.cert_file and tls.defaults.key_file"},
	{"domain", "domain", "`DOMAIN` of the names that DNS answers for, consul by default"},
	{"recursor", "recursors", "`ADDRESS` of a server that is asked for all other names; may be repeated"},
	{"node", "node_name", "`NAME` of this machine in the catalog; the host's by default"},
	{"node-id", "node_id", "`ID` of this machine in the catalog, a UUID; a random one by default"},
	{"node-meta", "node_meta", "`KEY:VALUE` that the catalog has of this machine; may be repeated"},
	{"advertise", "advertise_addr", "IP `ADDRESS` of this machine in the catalog"},
	{"advertise-wan", "advertise_addr_wan", "IP `ADDRESS` of this machine for other datacenters"},
	{"bind", "bind_addr", "IP `ADDRESS` that -advertise is by default"},
	{"datacenter", "datacenter", "`NAME` of the datacenter, dc1 by default"},
	{"data-dir", "data_dir", "`FOLDER` that keeps the registry on disk"},
	{"server", "server", "be a server, which muster always is"},
	{"bootstrap", "bootstrap", "be the only server, which muster always is"},
	{"bootstrap-expect", "bootstrap_expect", "`NUMBER` of servers: 1"},
	{"http-max-conns-per-client", "limits.http_max_conns_per_client",
		"`NUMBER` of connections that one client address may have open, 200 by default; 0 for no bound"},
	{"allow-write-http-from", "http_config.allow_write_http_from", "`NETWORK` that may write, like 10.0.0.0/8; may be repeated"},
	{"http-token", "muster.http_token", "`TOKEN` that every request must carry; -http-token-file keeps it out of the list of processes"},
	{"http-token-file", "muster.http_token_file", "`FILE` with such tokens, one in a line, all of which are accepted; it is read again when it changes"},
	{"http-host", "muster.http_hosts", "`NAME` by which browsers may call the registry, .NAME for all below it; may be repeated"},
	{"dns-allow-from", "muster.dns_allow_from", "`NETWORK` whose questions DNS answers, like 10.0.0.0/8; may be repeated; all by default, this machine alone where a token is demanded"},
	{"default-query-time", "default_query_time", "`TIME` that a blocking read waits which does not say, 5m by default"},
	{"max-query-time", "max_query_time", "`TIME` that a blocking read may wait at most, 10m by default"},
	{"log-level", "log_level", "least `LEVEL` to log: trace, debug, info, warn or error"},
	{"log-json", "log_json", "log a JSON object per line"},
	{"log-file", "log_file", "`FILE` to write the log to as well"},
	{"log-rotate-bytes", "log_rotate_bytes", "`NUMBER` of bytes after which a new log file is begun"},
	{"log-rotate-duration", "log_rotate_duration", "`TIME` after which a new log file is begun, 24h by default"},
	{"log-rotate-max-files", "log_rotate_max_files", "`NUMBER` of old log files to keep: 0 for all, -1 for none"},
	{"auto-reload-config", "auto_reload_config", "read the files of settings again when they change"},
	{"pid-file", "pid_file", "`FILE` to write the process id to"},

	{"check_output_max_size", "check_output_max_size", ""},
	{"disable-host-node-id", "disable_host_node_id", ""},
	{"disable-keyring-file", "disable_keyring_file", ""},
	{"enable-local-script-checks", "enable_local_script_checks", ""},
	{"enable-script-checks", "enable_script_checks", ""},
	{"encrypt", "encrypt", ""},
	{"grpc-port", "ports.grpc", ""},
	{"grpc-tls-port", "ports.grpc_tls", ""},
	{"join", "start_join", ""},
	{"join-wan", "start_join_wan", ""},
	{"non-voting-server", "read_replica", ""},
	{"primary-gateway", "primary_gateways", ""},
	{"protocol", "protocol", ""},
	{"raft-protocol", "raft_protocol", ""},
	{"read-replica", "read_replica", ""},
	{"rejoin", "rejoin_after_leave", ""},
	{"retry-interval", "retry_interval", ""},
	{"retry-interval-wan", "retry_interval_wan", ""},
	{"retry-join", "retry_join", ""},
	{"retry-join-wan", "retry_join_wan", ""},
	{"retry-max", "retry_max", ""},
	{"retry-max-wan", "retry_max_wan", ""},
	{"segment", "segment", ""},
	{"serf-lan-allowed-cidrs", "serf_lan_allowed_cidrs", ""},
	{"serf-lan-bind", "serf_lan", ""},
	{"serf-lan-port", "ports.serf_lan", ""},
	{"serf-wan-allowed-cidrs", "serf_wan_allowed_cidrs", ""},
	{"serf-wan-bind", "serf_wan", ""},
	{"serf-wan-port", "ports.serf_wan", ""},
	{"server-port", "ports.server", ""},
	{"syslog", "enable_syslog", ""},
	{"ui", "ui_config.enabled", ""},
	{"ui-content-path", "ui_config.content_path", ""},
	{"ui-dir", "ui_config.dir", ""},
}

// given is what a command line said, in the tree's form and in its order.
type given struct {
	dev        bool
	validate   bool
	cutDamaged bool
	format     string // of all files, whatever they are called
	paths      []string
	lists      *keyfile.Node // come before those of the files
	values     *keyfile.Node // win over the files'
	hcl        []string
}

// flags returns the flags of muster agent, which write into g.
func (g *given) flags() []cli.Flag {
	flags := []cli.Flag{
		&cli.BoolFlag{Name: "dev", Destination: &g.dev,
			Usage: "keep everything in memory, for this machine alone", Sources: env("AGENT_DEV")},
		// The two share a list: what comes later wins.
		g.flag("config-file", text, "`FILE` of settings with Consul's keys, in JSON or HCL; may be repeated", g.addPath),
		g.flag("config-dir", text, "`FOLDER` of such files, which are read in the order of their names; may be repeated", g.addPath),
		&cli.StringFlag{Name: "config-format", Destination: &g.format,
			Usage: "`FORMAT` of the files, json or hcl, whatever they are called", Sources: env("AGENT_CONFIG_FORMAT")},
		g.flag("hcl", text, "settings as `TEXT` in HCL, which win over all others; may be repeated", func(value *keyfile.Node) {
			g.hcl = append(g.hcl, value.Value.(string))
		}),
		&cli.BoolFlag{Name: "cut-damaged", Destination: &g.cutDamaged,
			Usage: "go on without the damaged part of -data-dir and what was written after it; its files are kept aside"},
		&cli.BoolFlag{Name: "validate", Destination: &g.validate, Usage: "say whether the settings are valid, and run nothing"},
	}
	flags = append(flags, g.flag("check", text, "`BOUND` of the machine that it is healthy within, like 'memory<90%'; may be repeated", func(value *keyfile.Node) {
		check := &keyfile.Node{Place: value.Place, Value: keyfile.Object{{Key: "host", Node: value}}}
		g.lists = keyfile.Merge(g.lists, nest("checks", &keyfile.Node{Place: value.Place, Value: keyfile.List{check}}))
	}))
	for _, o := range options {
		kind := kinds[o.key]
		into := &g.values
		if kind == texts {
			into = &g.lists
		}
		f := g.flag(o.name, kind, o.usage, func(value *keyfile.Node) { *into = keyfile.Merge(*into, nest(o.key, value)) })
		f.Hidden = o.usage == ""
		if kind == flag {
			flags = append(flags, onOff{f})
		} else {
			flags = append(flags, f)
		}
	}
	return flags
}

// onOff is a flag that needs no value: its help promises none.
type onOff struct{ *cli.GenericFlag }

// TakesValue implements cli.DocGenerationFlag.
func (onOff) TakesValue() bool { return false }

// String implements cli.Flag.
func (o onOff) String() string { return cli.FlagStringer(o) }

func (g *given) addPath(value *keyfile.Node) { g.paths = append(g.paths, value.Value.(string)) }

// nest returns a tree with a value at a path.
func nest(path string, value *keyfile.Node) *keyfile.Node {
	for _, name := range slices.Backward(strings.Split(path, ".")) {
		value = &keyfile.Node{Place: value.Place, Value: keyfile.Object{{Key: name, Node: value}}}
	}
	return value
}

// flag returns a flag whose values are taken one by one.
func (g *given) flag(name string, kind keyfile.Kind, usage string, take func(*keyfile.Node)) *cli.GenericFlag {
	variables := []string{variable(name)}
	if name == "log-level" {
		variables = append(variables, "MUSTER_LOG_LEVEL") // as in muster serve
	}
	return &cli.GenericFlag{Name: name, Usage: usage, Sources: cli.EnvVars(variables...), Value: &flagValue{name: name, kind: kind, take: take}}
}

// variable returns the environment variable that says the same as a flag.
func variable(name string) string {
	return "MUSTER_AGENT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// emptyVariables takes the variables of secrets that are set and empty: of all
// others that is as if they were not set.
func (g *given) emptyVariables() {
	for _, o := range options {
		if !strings.HasPrefix(o.key, "muster.http_token") || g.values.At(o.key) != nil {
			continue
		}
		if text, set := os.LookupEnv(variable(o.name)); set && text == "" {
			g.values = keyfile.Merge(g.values, nest(o.key, &keyfile.Node{Place: keyfile.Place{File: variable(o.name)}, Value: ""}))
		}
	}
}

// flagValue is a flag's value on its way into a tree.
type flagValue struct {
	name string
	kind keyfile.Kind
	take func(*keyfile.Node)
	text string // given last
}

func (v *flagValue) String() string   { return v.text }
func (v *flagValue) Get() any         { return v }
func (v *flagValue) IsBoolFlag() bool { return v.kind == flag }

// Set implements flag.Value.
func (v *flagValue) Set(given string) error {
	node := &keyfile.Node{Place: keyfile.Place{File: "-" + v.name}, Value: given}
	switch v.kind {
	case flag:
		is, err := strconv.ParseBool(given)
		if err != nil {
			return errors.New("want true or false")
		}
		node.Value = is
	case whole:
		number, err := strconv.ParseInt(given, 10, 32)
		if err != nil {
			return errors.New("want a whole number")
		}
		node.Value = float64(number)
	case texts:
		node.Value = keyfile.List{{Place: node.Place, Value: given}}
	case pairs:
		name, value, ok := strings.Cut(given, ":")
		if !ok {
			return fmt.Errorf("want KEY:VALUE")
		}
		node.Value = keyfile.Object{{Key: name, Node: &keyfile.Node{Place: node.Place, Value: value}}}
	}
	v.text = given
	v.take(node)
	return nil
}
