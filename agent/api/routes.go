package api

import (
	"net/http"
	"time"
)

// handler answers one request. What it returns is written by serve: nil is an
// empty 200, a *reply is written as it is, a question is asked and perhaps
// waited for, and everything else is encoded as JSON. An error becomes plain
// text with a status (errors.go). A handler may block until the request's
// context ends.
type handler func(*http.Request) (any, error)

// route is one endpoint: its path as http.ServeMux takes it, and a handler
// for each method that it allows.
type route struct {
	path string
	get  handler
	post handler
	put  handler
	del  handler

	place place // where what it is about is
	// bodyTime is how long a request's body may take to arrive; 0 for what is
	// usual.
	bodyTime time.Duration
}

// routes is the whole list of endpoints, in the order of Consul's API docs.
func (a *API) routes() []route {
	return append([]route{
		{path: "/v1/agent/self", get: a.agentSelf, place: anywhere},
		{path: "/v1/agent/members", get: a.agentMembers, place: inPartition},
		{path: "/v1/agent/host", get: a.agentHost, place: anywhere},
		{path: "/v1/agent/metrics", get: a.agentMetrics, place: anywhere},
		{path: "/v1/agent/metrics/stream", get: a.agentMetricsStream, place: anywhere},
		{path: "/v1/agent/monitor", get: a.agentMonitor, place: anywhere},
		{path: "/v1/agent/followers/{service...}", get: a.agentFollowers}, // muster's own
		{path: "/v1/agent/maintenance", put: a.agentMaintenance, place: anywhere},

		{path: "/v1/agent/version", get: a.agentVersion, place: anywhere},
		{path: "/v1/agent/reload", put: a.agentReload, place: anywhere},
		{path: "/v1/agent/leave", put: a.agentLeave, place: anywhere},
		{path: "/v1/agent/join/{address...}", put: clusterOnly},
		{path: "/v1/agent/force-leave/{node...}", put: a.agentForceLeave, place: inPartition},

		{path: "/v1/agent/services", get: a.agentServices},
		{path: "/v1/agent/service/{id...}", get: a.agentService},
		{path: "/v1/agent/service/register", put: a.agentServiceRegister},
		{path: "/v1/agent/service/deregister/{id...}", put: a.agentServiceDeregister},
		{path: "/v1/agent/service/maintenance/{id...}", put: a.agentServiceMaintenance},
		{path: "/v1/agent/health/service/id/{id...}", get: a.agentHealthByID},
		{path: "/v1/agent/health/service/name/{name...}", get: a.agentHealthByName},

		{path: "/v1/agent/checks", get: a.agentChecks},
		{path: "/v1/agent/check/register", put: a.agentCheckRegister},
		{path: "/v1/agent/check/deregister/{id...}", put: a.agentCheckDeregister},
		{path: "/v1/agent/check/pass/{id...}", put: a.agentCheckPass},
		{path: "/v1/agent/check/warn/{id...}", put: a.agentCheckWarn},
		{path: "/v1/agent/check/fail/{id...}", put: a.agentCheckFail},
		{path: "/v1/agent/check/update/{id...}", put: a.agentCheckUpdate},
		{path: "/v1/agent/check/history/{id...}", get: a.agentCheckHistory}, // muster's own
		{path: "/v1/agent/check/definitions", get: a.agentCheckDefinitions}, // likewise

		{path: "/v1/catalog/register", put: a.catalogRegister},
		{path: "/v1/catalog/deregister", put: a.catalogDeregister},
		{path: "/v1/catalog/datacenters", get: a.catalogDatacenters, place: anywhere},
		{path: "/v1/catalog/nodes", get: a.catalogNodes, place: inPartition},
		{path: "/v1/catalog/services", get: a.catalogServices},
		{path: "/v1/catalog/service/{service...}", get: a.catalogService},
		{path: "/v1/catalog/node/{node...}", get: a.catalogNode},
		{path: "/v1/catalog/node-services/{node...}", get: a.catalogNodeServices},
		{path: "/v1/catalog/connect/{service...}", get: a.catalogConnect},
		{path: "/v1/catalog/gateway-services/{service...}", get: a.catalogGatewayServices},

		{path: "/v1/health/node/{node...}", get: a.healthNode},
		{path: "/v1/health/checks/{service...}", get: a.healthChecks},
		{path: "/v1/health/state/{state...}", get: a.healthState},
		{path: "/v1/health/service/{service...}", get: a.healthService},
		{path: "/v1/health/connect/{service...}", get: a.healthConnect},
		{path: "/v1/health/ingress/{service...}", get: a.healthIngress},

		{path: "/v1/config", put: a.configPut},
		{path: "/v1/config/{entry...}", get: a.configGet, del: a.configDelete},
		{path: "/v1/discovery-chain/{service...}", get: a.chainRead, post: a.chainOverride},

		{path: "/v1/kv/{key...}", get: a.kvGet, put: a.kvPut, del: a.kvDelete},
		{path: "/v1/txn", put: a.txn, place: anywhere},

		{path: "/v1/session/create", put: a.sessionCreate},
		{path: "/v1/session/destroy/{id...}", put: a.sessionDestroy},
		{path: "/v1/session/renew/{id...}", put: a.sessionRenew},
		{path: "/v1/session/info/{id...}", get: a.sessionInfo},
		{path: "/v1/session/node/{node...}", get: a.sessionNode},
		{path: "/v1/session/list", get: a.sessionList},

		{path: "/v1/query", get: a.queryList, post: a.queryCreate, place: anywhere},
		{path: "/v1/query/{id...}", get: a.queryGet, put: a.queryUpdate, del: a.queryDelete, place: anywhere},

		{path: "/v1/coordinate/datacenters", get: a.coordinateDatacenters, place: anywhere},
		{path: "/v1/coordinate/nodes", get: a.coordinateNodes, place: inPartition},
		{path: "/v1/coordinate/node/{node...}", get: a.coordinateNode, place: inPartition},
		{path: "/v1/coordinate/update", put: a.coordinateUpdate, place: inPartition},

		{path: "/v1/event/fire/{name...}", put: a.eventFire, place: anywhere},
		{path: "/v1/event/list", get: a.eventList, place: anywhere},

		{path: "/v1/operator/raft/configuration", get: a.raftConfiguration, place: anywhere},
		{path: "/v1/operator/raft/transfer-leader", post: clusterOnly},
		{path: "/v1/operator/raft/peer", del: clusterOnly},
		{path: "/v1/operator/autopilot/configuration", get: a.autopilotConfiguration, put: clusterOnly, place: anywhere},
		{path: "/v1/operator/autopilot/health", get: a.autopilotHealth, place: anywhere},
		{path: "/v1/operator/autopilot/state", get: a.autopilotState, place: anywhere},
		{path: "/v1/operator/keyring", get: clusterOnly, post: clusterOnly, put: clusterOnly, del: clusterOnly},
		{path: "/v1/operator/usage", get: a.operatorUsage},

		{path: "/v1/internal/ui/services", get: a.uiServices},
		{path: "/v1/internal/ui/nodes", get: a.uiNodes},
		{path: "/v1/internal/ui/node/{node...}", get: a.uiNode},
		{path: "/v1/internal/ui/catalog-overview", get: a.uiCatalogOverview, place: anywhere},

		{path: "/v1/internal/ui/gateway-services-nodes/{gateway...}", get: a.uiNoGateway},
		{path: "/v1/internal/ui/gateway-intentions/{gateway...}", get: a.uiNoGateway},
		{path: "/v1/internal/ui/exported-services", get: a.uiExported},
		{path: "/v1/internal/ui/metrics-proxy/{path...}", get: uiNoMetrics, place: anywhere},
		{path: "/v1/internal/federation-states", get: clusterOnly},
		{path: "/v1/internal/federation-states/mesh-gateways", get: clusterOnly},
		{path: "/v1/internal/federation-state/{datacenter...}", get: clusterOnly},
		{path: "/v1/internal/service-virtual-ip", put: clusterOnly},

		{path: "/v1/peerings", get: a.none, place: inPartition},
		{path: "/v1/peering/{name...}", get: a.peeringGet, del: a.peeringDelete},
		{path: "/v1/peering/token", post: clusterOnly},
		{path: "/v1/peering/establish", post: clusterOnly},
		{path: "/v1/exported-services", get: a.exported, place: inPartition},

		{path: "/v1/snapshot", get: a.snapshotSave, put: a.snapshotRestore, place: anywhere, bodyTime: snapshotTime},

		{path: "/v1/status/leader", get: a.statusLeader, place: anywhere},
		{path: "/v1/status/peers", get: a.statusPeers, place: anywhere},
	}, aclRoutes...)
}

// unserved is the rest of Consul's API: paths that a Consul would know and
// this registry does not serve yet.
var unserved = []string{
	"/v1/agent/connect/",
	"/v1/connect/",
	"/v1/internal/ui/service-topology/",
}
