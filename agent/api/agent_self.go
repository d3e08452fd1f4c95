package api

import (
	"maps"
	"net"
	"net/http"
	"strconv"

	"github.com/realjf/muster/agent/state"
)

// agentSelf tells what this agent is. Clients parse Config.Version as
// Consul's; muster's own version stands under a key of its own.
func (a *API) agentSelf(*http.Request) (any, error) {
	node := a.local.Node()
	version := node.Meta["consul-version"]
	lies := state.Origin()
	if known := a.store.Snapshot().Coordinate(node.Node); known != nil {
		lies = known.Coord
	}
	settings := a.settings.Load()
	debug := map[string]any{
		"Datacenter": node.Datacenter, "NodeName": node.Node, "NodeID": node.ID, "NodeMeta": node.Meta,
		"Version": version, "VersionPrerelease": "", "VersionMetadata": "", "Revision": "",
		"AdvertiseAddrLAN": node.Address, "ServerMode": true, "DevMode": a.config.Pretty,
		"TaggedAddresses": node.TaggedAddresses, "EnableDebug": settings.EnableDebug,
	}
	maps.Copy(debug, settings.Described)
	return map[string]any{
		"Config": map[string]any{
			"Datacenter": node.Datacenter, "PrimaryDatacenter": node.Datacenter,
			"NodeName": node.Node, "NodeID": node.ID, "Server": true,
			"Version": version, "Revision": "", "BuildDate": "1970-01-01T00:00:01Z",
		},
		"DebugConfig": debug,
		"Coord":       lies,
		"Member":      a.member(),
		"Meta":        node.Meta,
		"Muster":      map[string]any{"Version": a.config.Version},
		"Stats":       a.stats(),
	}, nil
}

// clusterMember is a node as a cluster shows it.
type clusterMember struct {
	Name                                  string
	Addr                                  net.IP
	Port                                  uint16
	Tags                                  map[string]string
	Status                                int
	ProtocolMin, ProtocolMax, ProtocolCur uint8
	DelegateMin, DelegateMax, DelegateCur uint8
}

// member is this node as a cluster of one shows it.
func (a *API) member() clusterMember {
	node := a.local.Node()
	return clusterMember{
		Name: node.Node, Addr: net.ParseIP(node.Address), Port: uint16(a.config.SerfPort), Status: 1,
		Tags: map[string]string{
			"acls": "0", "build": node.Meta["consul-version"] + ":", "dc": node.Datacenter, "ft_fs": "1", "ft_si": "1", "id": node.ID,
			"port": strconv.Itoa(a.config.ServerPort), "raft_vsn": "3", "role": "consul", "segment": "",
			"vsn": "2", "vsn_max": "3", "vsn_min": "2",
		},
		ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2,
		DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

// agentMembers lists the members of the cluster, or with ?wan those of all:
// this node. There are no segments.
func (a *API) agentMembers(r *http.Request) (any, error) {
	query := parameters(r)
	if segment := query.Get("segment"); segment != "" && segment != "_all" {
		return nil, &failure{http.StatusInternalServerError, "Network segments are not supported in this version of Consul"}
	}
	return filtered(query.Get("filter"), []clusterMember{a.member()})
}
