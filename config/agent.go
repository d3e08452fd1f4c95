package config

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/monitor"
	"github.com/realjf/muster/internal/keyfile"
)

// Agent is how muster agent runs.
type Agent struct {
	Registry agent.Config // without its logger
	Log      Log
	PIDFile  string   // "" for none
	Warnings []string // of what was given and has no effect
	// Validate says to check the settings only.
	Validate bool
	// AutoReload says to read the settings again when Paths, the files and
	// folders that they stand in, hold something else. Read is the [Fingerprint]
	// of those before they were read.
	AutoReload bool
	Paths      []string
	Read       string
}

// AgentFlags returns the flags of muster agent, which are those of consul
// agent, and a function that returns what they and the files that they name
// say once the command has parsed them. It may be called again, and then reads
// the files again. Its error wraps [ErrUsage] and names all faults, each with
// its file, line and key.
func AgentFlags() ([]cli.Flag, func() (Agent, error)) {
	given := new(given)
	return given.flags(), func() (Agent, error) {
		given.emptyVariables()
		return given.agent()
	}
}

// ValidateFiles returns the warnings and the faults of files and folders, as a
// running agent would find them.
func ValidateFiles(format string, paths []string) (warnings []string, err error) {
	given := &given{format: format, paths: paths}
	a, err := given.agent()
	return a.Warnings, err
}

func (g *given) agent() (Agent, error) {
	read := Fingerprint(g.paths)
	root, skipped, misfits := g.tree()
	s := &settler{root: root, warnings: skipped, faulty: map[string]bool{}, lacking: map[string][]string{}}
	// What does not fit may be what something else asks for.
	a := s.agent(g.dev || misfits != nil)
	a.Validate, a.Registry.CutDamaged = g.validate, g.cutDamaged
	a.Paths, a.Read = g.paths, read
	s.judged(a.Registry.Validate())
	err := errors.Join(misfits, s.err())
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return a, err
}

// agent takes all settings of an agent.
func (s *settler) agent(dev bool) Agent {
	a := Agent{Registry: agent.DevConfig(), Log: Log{Format: Logfmt}}
	r := &a.Registry
	r.Version, r.Pretty, r.EnableDebug = Version(), dev, dev
	s.server(r, dev)
	s.node(r)
	s.addresses(r, dev)
	s.tls(r)
	s.door(r)
	s.flag("enable_debug", &r.EnableDebug)
	s.checks(r)
	s.text("telemetry.metrics_prefix", &r.Telemetry.Prefix)
	s.flag("telemetry.disable_hostname", &r.Telemetry.HideHostname)
	s.log(&a.Log)
	s.text("pid_file", &a.PIDFile)
	s.flag("auto_reload_config", &a.AutoReload)
	s.sidecarPorts(&r.SidecarPorts)
	s.trust(&r.TrustDomain)
	merge := true
	s.flag("enable_central_service_config", &merge)
	r.ProxiesAsRegistered = !merge
	r.Services, r.Checks = s.definitions("services"), s.definitions("checks")
	r.ConfigEntries = s.definitions("config_entries.bootstrap")
	s.ineffective()
	a.Warnings = s.warnings
	return a
}

// server refuses what muster cannot be, and says what it is not yet.
func (s *settler) server(into *agent.Config, dev bool) {
	s.text("data_dir", &into.DataDir)
	switch {
	case dev && into.DataDir != "":
		s.warn("data_dir %s: with -dev everything is in memory, and nothing is kept there", into.DataDir)
		into.DataDir = ""
	case !dev && into.DataDir == "":
		s.faults = append(s.faults, errors.New("give -data-dir FOLDER (data_dir), which keeps the registry on disk; or -dev, which keeps it in memory"))
	}
	if servers, ok := value[float64](s, "bootstrap_expect"); ok && servers > 1 {
		s.wrong("bootstrap_expect", "muster is one server; for a cluster of %v run Consul's", servers)
	}
	var guarded bool
	if s.flag("acl.enabled", &guarded); guarded {
		s.wrong("acl.enabled", "there is no access control yet: muster would protect nothing; take it out, or run Consul")
	}
	if s.has("acl_datacenter") {
		s.wrong("acl_datacenter", "it turns access control on, which there is none of yet: muster would protect nothing; take it out, or run Consul")
	}
	for _, key := range []string{"ports.grpc", "ports.grpc_tls"} {
		port := -1
		if s.port(key, &port); port > 0 {
			s.lacks(key, mesh)
		}
	}
}

// node takes what the catalog has of this machine.
func (s *settler) node(into *agent.Config) {
	s.text("node_name", &into.Node)
	s.text("node_id", &into.NodeID)
	s.pairs("node_meta", &into.NodeMeta)
	s.text("datacenter", &into.Datacenter)
	into.Datacenter = strings.ToLower(into.Datacenter)
	primary := into.Datacenter
	if s.text("primary_datacenter", &primary); primary != "" && !strings.EqualFold(primary, into.Datacenter) {
		s.wrong("primary_datacenter", "muster is its own primary, %s; several datacenters are Consul's", into.Datacenter)
	}
}

// door takes who may ask for what, and how much.
func (s *settler) door(into *agent.Config) {
	const most = 1 << 40
	s.pairs("http_config.response_headers", &into.ResponseHeaders)
	s.texts("http_config.block_endpoints", &into.BlockEndpoints)
	s.networks("http_config.allow_write_http_from", &into.AllowWriteFrom)
	s.secret("muster.http_token", &into.HTTPToken)
	s.secret("muster.http_token_file", &into.HTTPTokenFile)
	s.texts("muster.http_hosts", &into.HTTPHosts)
	s.whole("http_config.max_header_bytes", &into.MaxHeaderBytes, 0, most)
	s.whole("limits.http_max_conns_per_client", &into.MaxConnsPerClient, 0, most)
	s.span("default_query_time", &into.DefaultWait)
	s.span("max_query_time", &into.LongestWait)
	s.span("session_ttl_min", &into.MinSessionTTL)
	s.span("discovery_max_stale", &into.DiscoveryMaxStale)
	s.limits(&into.Limits)
}

// checks takes how checks are run, and which.
func (s *settler) checks(into *agent.Config) {
	s.span("check_update_interval", &into.CheckUpdateInterval)
	s.span("check_flap_damping", &into.CheckFlapDamping)
	s.whole("check_output_max_size", &into.CheckOutputMaxSize, 1, 1<<20)
	s.flag("discard_check_output", &into.DiscardCheckOutput)
	s.flag("enable_script_checks", &into.RemoteScripts)
	into.LocalScripts = into.RemoteScripts
	s.flag("enable_local_script_checks", &into.LocalScripts)
	if into.RemoteScripts && len(into.AllowWriteFrom) == 0 && into.HTTPToken == "" && into.HTTPTokenFile == "" {
		s.warn("enable_script_checks without muster.http_token_file or http_config.allow_write_http_from: everyone who reaches the API can run any program on this machine; " +
			"enable_local_script_checks runs only what the configuration has")
	}
}

// limits takes how large requests may be, and how fast they may come.
func (s *settler) limits(into *api.Limits) {
	const most = 1 << 30
	s.whole("limits.kv_max_value_size", &into.ValueBytes, 1, most)
	s.whole("limits.txn_max_req_len", &into.TransactionBytes, 1, most)
	s.whole("limits.snapshot_max_size", &into.SnapshotBytes, 1, math.MaxInt/2)
	mode := string(into.Mode)
	s.choice("limits.request_limits.mode", &mode, string(api.RateDisabled), string(api.RatePermissive), string(api.RateEnforcing))
	into.Mode = api.RateMode(mode)
	for key, rate := range map[string]*float64{"read_rate": &into.ReadRate, "write_rate": &into.WriteRate} {
		key = "limits.request_limits." + key
		if v, ok := value[float64](s, key); ok {
			if *rate = v; v == 0 {
				s.wrong(key, "nobody would be let in: want more than 0, or -1 for no bound")
			}
		}
	}
}

// sidecarPorts takes the ports for sidecars; 0 for both is none, as in Consul.
func (s *settler) sidecarPorts(into *local.PortRange) {
	const least, most = "ports.sidecar_min_port", "ports.sidecar_max_port"
	if !s.has(least) && !s.has(most) {
		return
	}
	*into = local.PortRange{Min: 21000, Max: 21255}
	s.port(least, &into.Min)
	s.port(most, &into.Max)
	switch {
	case into.Min > into.Max:
		s.wrong(least, "want no more than %s, %d; 0 for both gives sidecars no port", most, into.Max)
	case into.Max <= 0:
		*into = local.PortRange{Min: -1, Max: -1}
	}
}

// trust takes the name of the mesh. Of the certificate authority, which there is
// not yet, nothing else is known.
func (s *settler) trust(domain *string) {
	const authority, key = "connect.ca_config", "connect.ca_config.cluster_id"
	given, ok := value[keyfile.Object](s, authority)
	if others := slices.DeleteFunc(slices.Clone(given), func(m keyfile.Member) bool { return m.Key == "cluster_id" }); len(others) > 0 {
		s.lacks(authority, mesh)
	}
	if !ok || !s.has(key) {
		return
	}
	cluster, _ := value[string](s, key)
	if _, err := uuid.Parse(cluster); err != nil || len(cluster) != 36 {
		s.wrong(key, "want a UUID, 36 characters long, got %q", cluster)
		return
	}
	*domain = strings.ToLower(cluster) + ".consul"
}

// log takes what is logged, and where.
func (s *settler) log(into *Log) {
	var asJSON bool
	if s.flag("log_json", &asJSON); asJSON {
		into.Format = JSON
	}
	level := "info"
	s.text("log_level", &level)
	var known bool
	if into.Level, known = monitor.Level(level); !known {
		s.wrong("log_level", "want trace, debug, info, warn or error, got %q", level)
	}
	s.text("log_file", &into.File.Path)
	s.whole("log_rotate_bytes", &into.File.Bytes, 0, 1<<40)
	into.File.Span = defaultRotation
	s.span("log_rotate_duration", &into.File.Span)
	s.whole("log_rotate_max_files", &into.File.Keep, -1, 1<<20)
}

// Version returns the version that the program was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
