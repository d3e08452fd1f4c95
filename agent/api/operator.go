package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/realjf/muster/agent/state"
)

// The operator's view: what a cluster of one server, which is well and leads,
// says of itself. There is no log and no vote behind it.

// raftVersion is the version of the protocol that a Consul 1.19 server speaks
// with its peers.
const raftVersion = "3"

// term is how often a leader was elected, as a fresh Consul counts.
const term = 2

func (a *API) raftConfiguration(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	type server struct {
		ID, Node, Address string
		Leader            bool
		ProtocolVersion   string
		Voter             bool
		LastIndex         uint64
	}
	node := a.local.Node()
	return struct {
		Servers []server
		Index   uint64
	}{Servers: []server{{node.ID, node.Node, a.leader(), true, raftVersion, true, a.lastWrite()}}}, nil
}

// autopilotConfiguration tells the settings that a Consul has by default: with
// one server none of them does anything.
func (a *API) autopilotConfiguration(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	index := a.born()
	return struct {
		CleanupDeadServers      bool
		LastContactThreshold    string
		MaxTrailingLogs         int
		MinQuorum               int
		ServerStabilizationTime string
		RedundancyZoneTag       string
		DisableUpgradeMigration bool
		UpgradeVersionTag       string
		CreateIndex             uint64
		ModifyIndex             uint64
	}{true, "200ms", 250, 0, "10s", "", false, "", index, index}, nil
}

func (a *API) autopilotHealth(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	type server struct {
		ID, Name, Address, SerfStatus, Version string
		Leader                                 bool
		LastContact                            string
		LastTerm, LastIndex                    uint64
		Healthy, Voter                         bool
		StableSince                            time.Time
	}
	node := a.local.Node()
	return struct {
		Healthy          bool
		FailureTolerance int
		Servers          []server
	}{Healthy: true, Servers: []server{{
		ID: node.ID, Name: node.Node, Address: a.leader(), SerfStatus: "alive", Version: node.Meta["consul-version"],
		Leader: true, LastContact: "0s", LastTerm: term, LastIndex: a.lastWrite(),
		Healthy: true, Voter: true, StableSince: a.began.Round(time.Second),
	}}}, nil
}

func (a *API) autopilotState(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	type server struct {
		ID, Name, Address, NodeStatus, Version string
		LastContact                            string
		LastTerm, LastIndex                    uint64
		Healthy                                bool
		StableSince                            time.Time
		ReadReplica                            bool
		Status                                 string
		Meta                                   map[string]string
		NodeType                               string
	}
	node := a.local.Node()
	return struct {
		Healthy                                      bool
		FailureTolerance, OptimisticFailureTolerance int
		Servers                                      map[string]server
		Leader                                       string
		Voters                                       []string
	}{
		Healthy: true,
		Servers: map[string]server{node.ID: {
			ID: node.ID, Name: node.Node, Address: a.leader(), NodeStatus: "alive", Version: node.Meta["consul-version"],
			LastContact: "0s", LastTerm: term, LastIndex: a.lastWrite(),
			Healthy: true, StableSince: a.began, Status: "leader", Meta: node.Meta, NodeType: "voter",
		}},
		Leader: node.ID,
		Voters: []string{node.ID},
	}, nil
}

// usage is what a datacenter holds, by number.
type usage struct {
	Services                 int
	ServiceInstances         int
	ConnectServiceInstances  map[string]int
	BillableServiceInstances int // all but Consul's own
	Nodes                    int
}

// connectKinds are the kinds of instances that belong to a service mesh.
var connectKinds = []string{
	"api-gateway", "connect-native", "connect-proxy", "ingress-gateway", "mesh-gateway", "terminating-gateway",
}

func newUsage(s *state.Snapshot) usage {
	u := usage{ConnectServiceInstances: map[string]int{}, Nodes: len(s.Nodes())}
	for _, kind := range connectKinds {
		u.ConnectServiceInstances[kind] = 0
	}
	names := map[string]bool{}
	for _, svc := range s.Services() {
		names[strings.ToLower(svc.Service)] = true
		u.ServiceInstances++
		if _, counts := u.ConnectServiceInstances[string(svc.Kind)]; counts {
			u.ConnectServiceInstances[string(svc.Kind)]++
		}
		if svc.Connect.Native {
			u.ConnectServiceInstances["connect-native"]++
		}
		if svc.Kind == "" && svc.Service != "consul" {
			u.BillableServiceInstances++
		}
	}
	u.Services = len(names)
	return u
}

func (a *API) operatorUsage(r *http.Request) (any, error) {
	return a.catalog(r, state.Everything, func(s *state.Snapshot) (any, error) {
		return struct {
			Usage                 map[string]usage
			Index, LastContact    uint64
			KnownLeader           bool
			ConsistencyLevel      string
			NotModified           bool
			Backend               int
			ResultsFilteredByACLs bool
		}{
			Usage: map[string]usage{a.local.Node().Datacenter: newUsage(s)},
			Index: a.lastWrite(), KnownLeader: true, ConsistencyLevel: "leader",
		}, nil
	})
}

// clusterOnly answers what only a cluster can do.
func clusterOnly(r *http.Request) (any, error) {
	return nil, &failure{http.StatusNotImplemented,
		"muster's registry is one server: " + r.URL.Path + " is for a Consul cluster, and muster runs on one unchanged"}
}

// lastWrite is the index of the last write: where a log would be, were there
// one.
func (a *API) lastWrite() uint64 {
	_, index, _ := a.store.Look(state.Everything)
	return index
}

// born is the index at which this node came into the catalog.
func (a *API) born() uint64 {
	if node := a.store.Snapshot().Node(a.local.Node().Node); node != nil {
		return node.CreateIndex
	}
	return 1 // just removed from the catalog, and coming back
}
