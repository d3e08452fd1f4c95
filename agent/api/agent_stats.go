package api

import (
	"fmt"
	"maps"
	"runtime"
	"strconv"
)

// stats are the figures that consul info prints, in Consul's groups. Of a
// cluster they say what holds for one node that leads: there is no log, so
// where Consul tells its place in it, this is the index of the last write.
func (a *API) stats() map[string]map[string]string {
	node := a.local.Node()
	services, _ := a.local.Services()
	checks, _ := a.local.Checks()
	kinds := map[string]int{}
	for _, c := range checks {
		kinds[c.Type]++
	}
	index, elected := strconv.FormatUint(a.lastWrite(), 10), strconv.Itoa(term)
	wan := map[string]string{
		"members": "1", "failed": "0", "left": "0", "encrypted": "false", "health_score": "0", "coordinate_resets": "0",
		"member_time": "1", "event_time": "1", "query_time": "1", "event_queue": "0", "intent_queue": "0", "query_queue": "0",
	}
	lan := maps.Clone(wan)
	lan["event_time"] = strconv.FormatUint(a.events.Time(), 10)
	return map[string]map[string]string{
		"agent": {
			"services": strconv.Itoa(len(services)), "checks": strconv.Itoa(len(checks)),
			"check_ttls": strconv.Itoa(kinds["ttl"]), "check_monitors": strconv.Itoa(kinds["script"]),
		},
		"build": {"version": node.Meta["consul-version"], "prerelease": "", "revision": "", "version_metadata": ""},
		"consul": {
			"leader": "true", "leader_addr": a.leader(), "server": "true", "bootstrap": "true", "known_datacenters": "1", "acl": "disabled",
		},
		"raft": {
			"state": "Leader", "num_peers": "0", "term": elected, "last_log_term": elected, "last_contact": "0",
			"applied_index": index, "commit_index": index, "last_log_index": index, "fsm_pending": "0",
			"last_snapshot_index": "0", "last_snapshot_term": "0", "protocol_version": raftVersion,
			"latest_configuration": fmt.Sprintf("[{Suffrage:Voter ID:%s Address:%s}]", node.ID, a.leader()), "latest_configuration_index": "0",
		},
		"serf_lan": lan,
		"serf_wan": wan,
		"runtime": {
			"os": runtime.GOOS, "arch": runtime.GOARCH, "version": runtime.Version(), "max_procs": strconv.Itoa(runtime.GOMAXPROCS(0)),
			"cpu_count": strconv.Itoa(runtime.NumCPU()), "goroutines": strconv.Itoa(runtime.NumGoroutine()),
		},
	}
}
