package config

import (
	"slices"

	"github.com/realjf/muster/internal/keyfile"
)

// key is a key of a Consul agent's configuration file, and what muster does
// about it.
type key struct {
	path string
	kind keyfile.Kind
	fate fate
}

// fate is what becomes of a key. The empty one is that it has its effect.
type fate struct {
	loud bool   // whether the start warns of it
	why  string // it has no effect; empty when it has one
}

func without(why string) fate { return fate{why: why} }
func missing(why string) fate { return fate{loud: true, why: why} }

// What becomes of the keys that have no effect.
var (
	served fate

	cluster    = missing("muster is one server, and joins nobody: clusters are Consul's")
	acls       = missing("there is no access control yet, and everyone may do everything")
	mesh       = missing("the mesh has no certificates and no xDS yet: proxies are announced, not driven")
	push       = missing("metrics are for those who ask, and are sent nowhere")
	enterprise = missing("it is Consul Enterprise's")
	later      = missing("muster does not have it yet")

	tuning   = without("it tunes what only a cluster has")
	internal = without("Consul sets it by itself")
	phone    = without("muster calls nobody")
	inMemory = without("answers always come from memory")
	owned    = without("muster has a page of its own")
)

// keys are all keys that Consul 1.19 knows
// (https://developer.hashicorp.com/consul/docs/agent/config/config-files).
var keys = slices.Concat(agentKeys, tlsKeys(), telemetryKeys, clusterKeys,
	under("service.", serviceKeys), under("services[].", serviceKeys),
	under("check.", checkKeys), under("checks[].", checkKeys))

const (
	block    = keyfile.Block
	blocks   = keyfile.Blocks
	flag     = keyfile.Flag
	whole    = keyfile.Whole
	fraction = keyfile.Fraction
	text     = keyfile.Text
	span     = keyfile.Span
	texts    = keyfile.Texts
	pairs    = keyfile.Pairs
	opaque   = keyfile.Any
)

var agentKeys = []key{
	{"node_name", text, served},
	{"node_id", text, served},
	{"node_meta", pairs, served},
	{"disable_host_node_id", flag, without("a node id is random unless node_id gives one")},
	{"datacenter", text, served},
	{"primary_datacenter", text, served},
	{"data_dir", text, served}, // warned of by itself
	{"server", flag, served},
	{"bootstrap", flag, served},
	{"bootstrap_expect", whole, served},

	{"bind_addr", text, served},
	{"client_addr", text, served},
	{"advertise_addr", text, served},
	{"advertise_addr_ipv4", text, served},
	{"advertise_addr_ipv6", text, served},
	{"advertise_addr_wan", text, served},
	{"advertise_addr_wan_ipv4", text, served},
	{"advertise_addr_wan_ipv6", text, served},
	{"tagged_addresses", pairs, served},
	{"addresses.http", text, served},
	{"addresses.https", text, served},
	{"addresses.dns", text, served},
	{"addresses.dns_tls", text, served}, // muster's own
	{"addresses.grpc", text, mesh},
	{"addresses.grpc_tls", text, mesh},
	{"ports.http", whole, served},
	{"ports.https", whole, served},
	{"ports.dns", whole, served},
	{"ports.dns_tls", whole, served}, // muster's own
	{"ports.grpc", whole, served},
	{"ports.grpc_tls", whole, served},
	{"ports.server", whole, served},
	{"ports.serf_lan", whole, served},
	{"ports.serf_wan", whole, without("nothing listens on a port that only servers would use among themselves")},
	{"ports.proxy_min_port", whole, mesh},
	{"ports.proxy_max_port", whole, mesh},
	{"ports.sidecar_min_port", whole, served},
	{"ports.sidecar_max_port", whole, served},
	{"ports.expose_min_port", whole, mesh},
	{"ports.expose_max_port", whole, mesh},
	{"unix_sockets.user", text, served},
	{"unix_sockets.group", text, served},
	{"unix_sockets.mode", text, served},

	{"http_config.response_headers", pairs, served},
	{"http_config.block_endpoints", texts, served},
	{"http_config.allow_write_http_from", texts, served},
	{"http_config.max_header_bytes", whole, served},
	{"http_config.use_cache", flag, inMemory},
	{"muster.http_token", text, served}, // these are muster's own
	{"muster.http_token_file", text, served},
	{"muster.http_hosts", texts, served},
	{"muster.dns_allow_from", texts, served},
	{"limits.http_max_conns_per_client", whole, served},
	{"limits.kv_max_value_size", whole, served},
	{"limits.txn_max_req_len", whole, served},
	{"limits.snapshot_max_size", whole, served}, // muster's own
	{"limits.request_limits.mode", text, served},
	{"limits.request_limits.read_rate", fraction, served},
	{"limits.request_limits.write_rate", fraction, served},
	{"limits.https_handshake_timeout", span, without("it is ten seconds")},

	{"log_level", text, served},
	{"log_json", flag, served},
	{"log_file", text, served},
	{"log_rotate_bytes", whole, served},
	{"log_rotate_duration", span, served},
	{"log_rotate_max_files", whole, served},
	{"enable_syslog", flag, later},
	{"syslog_facility", text, later},
	{"pid_file", text, served},
	{"enable_debug", flag, served},

	{"check_update_interval", span, served},
	{"check_flap_damping", span, served}, // muster's own
	{"check_output_max_size", whole, served},
	{"discard_check_output", flag, served},
	{"enable_script_checks", flag, served},
	{"enable_local_script_checks", flag, served},
	{"enable_agent_tls_for_checks", flag, later},
	{"disable_http_unprintable_char_filter", flag, later},
	{"disable_update_check", flag, phone},
	{"disable_anonymous_signature", flag, phone},
	{"disable_remote_exec", flag, without("nothing that arrives over HTTP is run")},
	{"leave_on_terminate", flag, without("a server that is alone has nobody to leave, and withdraws nothing, as in Consul")},
	{"skip_leave_on_interrupt", flag, without("a server that is alone has nobody to leave, and withdraws nothing, as in Consul")},
	{"rejoin_after_leave", flag, tuning},
	{"auto_reload_config", flag, served},
	{"discovery_max_stale", span, served},
	{"default_query_time", span, served},
	{"max_query_time", span, served},
	{"session_ttl_min", span, served},
	{"translate_wan_addrs", flag, later},
	{"use_streaming_backend", flag, inMemory},
	{"rpc.enable_streaming", flag, inMemory},
	{"cache.entry_fetch_max_burst", whole, inMemory},
	{"cache.entry_fetch_rate", fraction, inMemory},
	{"watches", blocks, later},
	{"watches[].*", opaque, later},
	{"config_entries.bootstrap", blocks, served},
	{"config_entries.bootstrap[].*", opaque, served},

	{"domain", text, served},
	{"alt_domain", text, served},
	{"recursors", texts, served},
	{"dns_config.allow_stale", flag, inMemory},
	{"dns_config.a_record_limit", whole, served},
	{"dns_config.disable_compression", flag, served},
	{"dns_config.enable_truncate", flag, served},
	{"dns_config.max_stale", span, inMemory},
	{"dns_config.node_ttl", span, served},
	{"dns_config.only_passing", flag, served},
	{"dns_config.recursor_strategy", text, served},
	{"dns_config.recursor_timeout", span, served},
	{"dns_config.service_ttl", pairs, served},
	{"dns_config.udp_answer_limit", whole, served},
	{"dns_config.weighted_answers", flag, served}, // muster's own
	{"dns_config.enable_additional_node_meta_txt", flag, served},
	{"dns_config.soa.refresh", whole, served},
	{"dns_config.soa.retry", whole, served},
	{"dns_config.soa.expire", whole, served},
	{"dns_config.soa.min_ttl", whole, served},
	{"dns_config.use_cache", flag, inMemory},
	{"dns_config.cache_max_age", span, inMemory},
	{"dns_config.prefer_namespace", flag, enterprise},

	{"ui", flag, owned},
	{"ui_content_path", text, later},
	{"ui_dir", text, later},
	{"ui_config.enabled", flag, owned},
	{"ui_config.dir", text, later},
	{"ui_config.content_path", text, later},
	{"ui_config.metrics_provider", text, later},
	{"ui_config.metrics_provider_files", texts, later},
	{"ui_config.metrics_provider_options_json", text, later},
	{"ui_config.metrics_proxy.base_url", text, later},
	{"ui_config.metrics_proxy.add_headers", blocks, later},
	{"ui_config.metrics_proxy.add_headers[].name", text, later},
	{"ui_config.metrics_proxy.add_headers[].value", text, later},
	{"ui_config.metrics_proxy.path_allowlist", texts, later},
	{"ui_config.dashboard_url_templates", pairs, later},

	{"acl.enabled", flag, served}, // refused when true
	{"acl.default_policy", text, acls},
	{"acl.down_policy", text, acls},
	{"acl.policy_ttl", span, acls},
	{"acl.role_ttl", span, acls},
	{"acl.token_ttl", span, acls},
	{"acl.enable_key_list_policy", flag, acls},
	{"acl.enable_token_persistence", flag, acls},
	{"acl.enable_token_replication", flag, acls},
	{"acl.msp_disable_bootstrap", flag, enterprise},
	{"acl.tokens.initial_management", text, acls},
	{"acl.tokens.replication", text, acls},
	{"acl.tokens.agent_recovery", text, acls},
	{"acl.tokens.default", text, acls},
	{"acl.tokens.agent", text, acls},
	{"acl.tokens.config_file_service_registration", text, acls},
	{"acl.tokens.dns", text, acls},
	{"acl.tokens.master", text, acls},
	{"acl.tokens.agent_master", text, acls},
	{"acl.tokens.managed_service_provider", blocks, enterprise},
	{"acl.tokens.managed_service_provider[].accessor_id", text, enterprise},
	{"acl.tokens.managed_service_provider[].secret_id", text, enterprise},
	{"acl_datacenter", text, served}, // refused: it turns access control on
	{"acl_agent_master_token", text, acls},
	{"acl_agent_token", text, acls},
	{"acl_token", text, acls},
	{"acl_enable_key_list_policy", flag, acls},
	{"acl_master_token", text, acls},
	{"acl_replication_token", text, acls},
	{"enable_acl_replication", flag, acls},
	{"acl_default_policy", text, acls},
	{"acl_down_policy", text, acls},
	{"acl_ttl", span, acls},
	{"acl_enforce_version_8", flag, acls},

	{"connect.enabled", flag, mesh},
	{"connect.ca_provider", text, mesh},
	{"connect.ca_config", opaque, served}, // warned of by itself, but for the mesh's name
	{"connect.enable_mesh_gateway_wan_federation", flag, cluster},
	{"connect.test_ca_leaf_root_change_spread", span, internal},
	{"default_intention_policy", text, mesh},
	{"enable_central_service_config", flag, served},
	{"xds.update_max_per_second", fraction, mesh},
	{"peering.enabled", flag, cluster},
	{"peering.test_allow_peer_registrations", flag, internal},
}

// tlsKeys are those of each protocol, and the older ones that mean the same.
func tlsKeys() []key {
	var all []key
	door := func(at string, f fate) {
		all = append(all, under(at, []key{
			{"ca_file", text, f},
			{"ca_path", text, f},
			{"cert_file", text, f},
			{"key_file", text, f},
			{"tls_min_version", text, f},
			{"tls_cipher_suites", text, f},
			{"verify_incoming", flag, f},
		})...)
	}
	protocol := func(at string, f fate) {
		door(at, f)
		all = append(all, under(at, []key{
			{"verify_outgoing", flag, cluster},
			{"verify_server_hostname", flag, cluster},
		})...)
	}
	protocol("tls.defaults.", served)
	protocol("tls.https.", served)
	door("tls.dns.", served) // muster's own
	protocol("tls.grpc.", mesh)
	protocol("tls.internal_rpc.", cluster)
	protocol("", served)
	return append(all, []key{
		{"tls.defaults.use_auto_cert", flag, mesh},
		{"tls.https.use_auto_cert", flag, mesh},
		{"tls.grpc.use_auto_cert", flag, mesh},
		{"tls.internal_rpc.use_auto_cert", flag, mesh},
		{"verify_incoming_https", flag, served},
		{"verify_incoming_rpc", flag, cluster},
		{"tls_prefer_server_cipher_suites", flag, without("Go chooses, as in Consul")},
	}...)
}

var telemetryKeys = under("telemetry.", []key{
	{"disable_hostname", flag, served},
	{"metrics_prefix", text, served},
	{"prometheus_retention_time", span, without("what Prometheus asks for is always there")},
	{"enable_host_metrics", flag, later},
	{"filter_default", flag, later},
	{"prefix_filter", texts, later},
	{"disable_per_tenancy_usage_metrics", flag, enterprise},
	{"retry_failed_connection", flag, without("metrics are sent nowhere")},
	{"statsd_address", text, push},
	{"statsite_address", text, push},
	{"dogstatsd_addr", text, push},
	{"dogstatsd_tags", texts, push},
	{"circonus_api_app", text, push},
	{"circonus_api_token", text, push},
	{"circonus_api_url", text, push},
	{"circonus_broker_id", text, push},
	{"circonus_broker_select_tag", text, push},
	{"circonus_check_display_name", text, push},
	{"circonus_check_force_metric_activation", text, push},
	{"circonus_check_id", text, push},
	{"circonus_check_instance_id", text, push},
	{"circonus_check_search_tag", text, push},
	{"circonus_check_tags", text, push},
	{"circonus_submission_interval", text, push},
	{"circonus_submission_url", text, push},
})

// clusterKeys are about servers that agree, gossip, and what Consul sells or
// sets by itself.
var clusterKeys = slices.Concat([]key{
	{"retry_join", texts, cluster},
	{"retry_join_wan", texts, cluster},
	{"start_join", texts, cluster},
	{"start_join_wan", texts, cluster},
	{"retry_interval", span, tuning},
	{"retry_interval_wan", span, tuning},
	{"retry_max", whole, tuning},
	{"retry_max_wan", whole, tuning},
	{"primary_gateways", texts, cluster},
	{"primary_gateways_interval", span, tuning},
	{"encrypt", text, cluster},
	{"encrypt_verify_incoming", flag, tuning},
	{"encrypt_verify_outgoing", flag, tuning},
	{"disable_keyring_file", flag, tuning},
	{"server_name", text, tuning},
	{"serf_lan", text, tuning},
	{"serf_wan", text, tuning},
	{"serf_lan_allowed_cidrs", texts, tuning},
	{"serf_wan_allowed_cidrs", texts, tuning},
	{"reconnect_timeout", span, tuning},
	{"reconnect_timeout_wan", span, tuning},
	{"advertise_reconnect_timeout", span, tuning},
	{"disable_coordinates", flag, tuning},
	{"server_rejoin_age_max", span, tuning},
	{"performance.leave_drain_time", span, tuning},
	{"performance.raft_multiplier", whole, tuning},
	{"performance.rpc_hold_timeout", span, tuning},
	{"performance.grpc_keepalive_interval", span, tuning},
	{"performance.grpc_keepalive_timeout", span, tuning},
	{"protocol", whole, tuning},
	{"raft_protocol", whole, tuning},
	{"raft_snapshot_threshold", whole, tuning},
	{"raft_snapshot_interval", span, tuning},
	{"raft_trailing_logs", whole, tuning},
	{"raft_boltdb", opaque, tuning},
	{"raft_logstore.backend", text, tuning},
	{"raft_logstore.disable_log_cache", flag, tuning},
	{"raft_logstore.verification.enabled", flag, tuning},
	{"raft_logstore.verification.interval", span, tuning},
	{"raft_logstore.boltdb.no_freelist_sync", flag, tuning},
	{"raft_logstore.wal.segment_size_mb", whole, tuning},
	{"autopilot.cleanup_dead_servers", flag, tuning},
	{"autopilot.last_contact_threshold", span, tuning},
	{"autopilot.max_trailing_logs", whole, tuning},
	{"autopilot.min_quorum", whole, tuning},
	{"autopilot.server_stabilization_time", span, tuning},
	{"autopilot.disable_upgrade_migration", flag, enterprise},
	{"autopilot.redundancy_zone_tag", text, enterprise},
	{"autopilot.upgrade_version_tag", text, enterprise},
	{"limits.rpc_client_timeout", span, tuning},
	{"limits.rpc_handshake_timeout", span, tuning},
	{"limits.rpc_max_burst", whole, tuning},
	{"limits.rpc_max_conns_per_client", whole, tuning},
	{"limits.rpc_rate", fraction, tuning},
	{"auto_encrypt.tls", flag, cluster},
	{"auto_encrypt.allow_tls", flag, cluster},
	{"auto_encrypt.dns_san", texts, cluster},
	{"auto_encrypt.ip_san", texts, cluster},
	{"auto_config", opaque, cluster},
	{"cloud", opaque, cluster},
	{"locality.region", text, later},
	{"locality.zone", text, later},
	{"experiments", texts, without("there are none")},
	{"snapshot_agent", opaque, without("it is for another program")},

	{"audit", opaque, enterprise},
	{"license_path", text, enterprise},
	{"partition", text, enterprise},
	{"read_replica", flag, enterprise},
	{"segment", text, enterprise},
	{"segments", opaque, enterprise},
	{"reporting", opaque, without("muster calls nobody")},

	{"ae_interval", span, internal},
	{"build_date", text, internal},
	{"check_deregister_interval_min", span, internal},
	{"check_reap_interval", span, internal},
	{"consul", opaque, internal},
	{"license_poll_base_time", span, internal},
	{"license_poll_max_time", span, internal},
	{"license_update_base_time", span, internal},
	{"license_update_max_time", span, internal},
	{"revision", text, internal},
	{"segment_limit", whole, internal},
	{"segment_name_limit", whole, internal},
	{"sync_coordinate_interval_min", span, internal},
	{"sync_coordinate_rate_target", fraction, internal},
	{"version", text, internal},
	{"version_metadata", text, internal},
	{"version_prerelease", text, internal},
}, under("gossip_lan.", gossipKeys), under("gossip_wan.", gossipKeys))

var gossipKeys = []key{
	{"gossip_nodes", whole, tuning},
	{"gossip_interval", span, tuning},
	{"probe_interval", span, tuning},
	{"probe_timeout", span, tuning},
	{"suspicion_mult", whole, tuning},
	{"retransmit_mult", whole, tuning},
}

// checkKeys are those of a check, by itself or of a service.
var checkKeys = []key{
	{"id", text, served},
	{"name", text, served},
	{"notes", text, served},
	{"service_id", text, served},
	{"token", text, served},
	{"status", text, served},
	{"args", texts, served},
	{"http", text, served},
	{"header", opaque, served},
	{"method", text, served},
	{"body", text, served},
	{"disable_redirects", flag, served},
	{"output_max_size", whole, served},
	{"tcp", text, served},
	{"tcp_use_tls", flag, served},
	{"udp", text, served},
	{"interval", span, served},
	{"docker_container_id", text, served},
	{"shell", text, served},
	{"grpc", text, served},
	{"grpc_use_tls", flag, served},
	{"tls_server_name", text, served},
	{"tls_skip_verify", flag, served},
	{"host", text, served}, // muster's own
	{"alias_node", text, served},
	{"alias_service", text, served},
	{"timeout", span, served},
	{"ttl", span, served},
	{"h2ping", text, served},
	{"h2ping_use_tls", flag, served},
	{"os_service", text, served},
	{"success_before_passing", whole, served},
	{"failures_before_warning", whole, served},
	{"failures_before_critical", whole, served},
	{"flap_damping", span, served}, // muster's own
	{"deregister_critical_service_after", span, served},
}

// bareServiceKeys are those of a service, or of a sidecar within one.
var bareServiceKeys = slices.Concat([]key{
	{"kind", text, served},
	{"id", text, served},
	{"name", text, served},
	{"tags", texts, served},
	{"address", text, served},
	{"tagged_addresses.*.address", text, served},
	{"tagged_addresses.*.port", whole, served},
	{"meta", pairs, served},
	{"port", whole, served},
	{"socket_path", text, served},
	{"token", text, served},
	{"weights.passing", whole, served},
	{"weights.warning", whole, served},
	{"enable_tag_override", flag, served},
	{"locality.region", text, served},
	{"locality.zone", text, served},
	{"connect.native", flag, served},
}, under("check.", checkKeys), under("checks[].", checkKeys), under("proxy.", proxyKeys))

var serviceKeys = slices.Concat(bareServiceKeys, under("connect.sidecar_service.", bareServiceKeys))

var proxyKeys = []key{
	{"destination_service_name", text, served},
	{"destination_service_id", text, served},
	{"local_service_address", text, served},
	{"local_service_port", whole, served},
	{"local_service_socket_path", text, served},
	{"transparent_proxy.outbound_listener_port", whole, served},
	{"transparent_proxy.dialed_directly", flag, served},
	{"mode", text, served},
	{"config", opaque, served},
	{"mesh_gateway.mode", text, served},
	{"expose.checks", flag, served},
	{"expose.port", whole, served},
	{"expose.paths[].listener_port", whole, served},
	{"expose.paths[].path", text, served},
	{"expose.paths[].protocol", text, served},
	{"expose.paths[].local_path_port", whole, served},
	{"upstreams[].destination_type", text, served},
	{"upstreams[].destination_namespace", text, served},
	{"upstreams[].destination_partition", text, served},
	{"upstreams[].destination_peer", text, served},
	{"upstreams[].destination_name", text, served},
	{"upstreams[].datacenter", text, served},
	{"upstreams[].local_bind_address", text, served},
	{"upstreams[].local_bind_port", whole, served},
	{"upstreams[].local_bind_socket_path", text, served},
	{"upstreams[].local_bind_socket_mode", text, served},
	{"upstreams[].config", opaque, served},
	{"upstreams[].mesh_gateway.mode", text, served},
}

// aliases are other names that Consul takes for keys.
var aliases = map[string]string{
	"scriptargs": "args", "dockercontainerid": "docker_container_id", "tlsskipverify": "tls_skip_verify", "serviceid": "service_id",
	"deregistercriticalserviceafter": "deregister_critical_service_after", "non_voting_server": "read_replica",
}

// under returns keys as they stand within a block.
func under(prefix string, keys []key) []key {
	all := slices.Clone(keys)
	for i := range all {
		all[i].path = prefix + all[i].path
	}
	return all
}

// What the table says of each key.
var (
	kinds, fates = func() (map[string]keyfile.Kind, map[string]fate) {
		kinds, fates := map[string]keyfile.Kind{}, map[string]fate{}
		for _, k := range keys {
			kinds[k.path], fates[k.path] = k.kind, k.fate
		}
		return kinds, fates
	}()
	shape = keyfile.NewShape(kinds, aliases)
)
