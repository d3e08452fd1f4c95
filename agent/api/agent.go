package api

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/realjf/muster/agent/state"
)

// agentSelf tells what this agent is. Clients parse Config.Version as
// Consul's; muster's own version stands under a key of its own.
func (a *API) agentSelf(*http.Request) (any, error) {
	node := a.local.Node()
	version := node.Meta["consul-version"]
	services, _ := a.local.Services()
	checks, _ := a.local.Checks()
	lies := state.Origin()
	if known := a.store.Snapshot().Coordinate(node.Node); known != nil {
		lies = known.Coord
	}
	return map[string]any{
		"Config": map[string]any{
			"Datacenter": node.Datacenter, "PrimaryDatacenter": node.Datacenter,
			"NodeName": node.Node, "NodeID": node.ID, "Server": true,
			"Version": version, "Revision": "", "BuildDate": "1970-01-01T00:00:01Z",
		},
		"DebugConfig": map[string]any{
			"Datacenter": node.Datacenter, "NodeName": node.Node, "NodeID": node.ID, "Version": version,
			"AdvertiseAddrLAN": node.Address, "ServerMode": true, "DevMode": a.config.Pretty,
			"TaggedAddresses": node.TaggedAddresses, "EnableDebug": a.settings.Load().EnableDebug,
		},
		"Coord":  lies,
		"Member": a.member(),
		"Meta":   node.Meta,
		"Muster": map[string]any{"Version": a.config.Version},
		"Stats": map[string]map[string]string{
			"agent": {"services": strconv.Itoa(len(services)), "checks": strconv.Itoa(len(checks))},
			"build": {"version": version, "prerelease": "", "revision": ""},
			"consul": {
				"leader": "true", "leader_addr": a.leader(), "server": "true", "known_datacenters": "1", "acl": "disabled",
			},
			"runtime": {
				"os": runtime.GOOS, "arch": runtime.GOARCH, "version": runtime.Version(),
				"cpu_count": strconv.Itoa(runtime.NumCPU()), "goroutines": strconv.Itoa(runtime.NumGoroutine()),
			},
		},
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

// agentMaintenance takes the whole node out of service, or puts it back.
func (a *API) agentMaintenance(r *http.Request) (any, error) {
	on, err := enable(r)
	if err != nil {
		return nil, err
	}
	return nil, a.local.SetNodeMaintenance(on, parameters(r).Get("reason"))
}

func (a *API) agentServiceMaintenance(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing service ID")
	if err != nil {
		return nil, err
	}
	on, err := enable(r)
	if err != nil {
		return nil, err
	}
	return nil, a.local.SetMaintenance(id, on, parameters(r).Get("reason"))
}

// enable returns what ?enable= says.
func enable(r *http.Request) (bool, error) {
	text := parameters(r).Get("enable")
	if text == "" {
		return false, badRequest("Missing value for enable")
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest(fmt.Sprintf("Invalid value for enable: %q", text))
	}
	return on, nil
}

// agentChecks maps the ids of this node's checks to how they fare now.
func (a *API) agentChecks(r *http.Request) (any, error) {
	query := parameters(r)
	return own(func() (any, <-chan struct{}, error) {
		checks, changed := a.local.Checks()
		byID := make(map[string]state.Check, len(checks))
		for _, check := range checks {
			byID[check.CheckID] = *check
		}
		kept, err := filtered(query.Get("filter"), byID)
		if err != nil && !notParsed.MatchString(err.Error()) { // shorter here than everywhere else, as in Consul
			_, text, _ := strings.Cut(err.Error(), "evaluator: ")
			err = &failure{status(err), text}
		}
		return kept, changed, err
	}), nil
}

// notParsed matches the error of a filter that is no expression at all: it names
// a place in it.
var notParsed = regexp.MustCompile(`evaluator: \d+:\d+ \(\d+\): `)

// agentHealthByID answers with the health of one instance, as its body and as
// its status: 200 passing, 429 warning, 503 otherwise, 404 when unknown.
func (a *API) agentHealthByID(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if id == "" {
		return nil, &failure{http.StatusInternalServerError, "Missing serviceID"}
	}
	svc, _, known := a.local.Service(id)
	if !known {
		return a.healthReply(r, http.StatusNotFound, fmt.Sprintf("ServiceId %s not found", id), serviceHealth{AggregatedStatus: state.Critical})
	}
	checks, _ := a.local.Checks()
	health := a.healthOf(svc, keep(checks, func(c *state.Check) bool { return c.ServiceID == "" || c.ServiceID == id }))
	return a.healthReply(r, healthCode(health.AggregatedStatus), string(health.AggregatedStatus), health)
}

// agentHealthByName is agentHealthByID for all instances of a service: the
// worst of them decides.
func (a *API) agentHealthByName(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if name == "" {
		return nil, &failure{http.StatusInternalServerError, "Missing service Name"}
	}
	services, _ := a.local.Services()
	checks, _ := a.local.Checks()
	byService := map[string][]*state.Check{} // the node's under ""
	for _, check := range checks {
		byService[check.ServiceID] = append(byService[check.ServiceID], check)
	}
	found := []serviceHealth{}
	worst := state.Passing
	rank := map[state.Status]int{state.Passing: 0, state.Warning: 1, state.Critical: 2, state.Maintenance: 3}
	for _, svc := range services {
		if !strings.EqualFold(svc.Service, name) {
			continue
		}
		health := a.healthOf(svc, slices.Concat(byService[""], byService[svc.ID]))
		if rank[health.AggregatedStatus] > rank[worst] {
			worst = health.AggregatedStatus
		}
		found = append(found, health)
	}
	if len(found) == 0 {
		return a.healthReply(r, http.StatusNotFound, fmt.Sprintf("ServiceName %s Not Found", name), found)
	}
	return a.healthReply(r, healthCode(worst), string(worst), found)
}

// serviceHealth is an instance of this node and how it fares.
type serviceHealth struct {
	AggregatedStatus state.Status
	Service          *AgentService
	Checks           []localCheck
}

// healthOf returns the health of an instance by its own checks and the node's.
func (a *API) healthOf(svc *state.Service, checks []*state.Check) serviceHealth {
	shown := make([]localCheck, len(checks))
	for n, check := range checks {
		shown[n] = newLocalCheck(check)
	}
	return serviceHealth{state.Worst(checks), a.newAgentService(svc), shown}
}

func healthCode(status state.Status) int {
	switch status {
	case state.Passing:
		return http.StatusOK
	case state.Warning:
		return http.StatusTooManyRequests
	default:
		return http.StatusServiceUnavailable
	}
}

// healthReply answers in text or JSON, as asked, and says why in a header.
func (a *API) healthReply(r *http.Request, code int, reason string, health any) (any, error) {
	var out *reply
	if parameters(r).Get("format") == "text" {
		out = textReply(code, reason)
	} else {
		body, err := a.encode(r, health)
		if err != nil {
			return nil, err
		}
		out = jsonReply(body)
		out.status = code
	}
	out.header.Set("X-Consul-Reason", reason)
	return out, nil
}

// localCheck is a check as the agent's own health answers show it.
type localCheck struct {
	Node        string
	CheckID     string
	Name        string
	Status      state.Status
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	ExposedPort int
	Definition  struct {
		Interval                       string
		Timeout                        string
		DeregisterCriticalServiceAfter string
		HTTP                           string
		Header                         map[string][]string
		Method                         string
		Body                           string
		TLSServerName                  string
		TLSSkipVerify                  bool
		TCP                            string
		TCPUseTLS                      bool
		UDP                            string
		GRPC                           string
		OSService                      string
		GRPCUseTLS                     bool
	}
	CreateIndex uint64
	ModifyIndex uint64
}

// newLocalCheck shows a check as Consul does there: without its definition.
func newLocalCheck(c *state.Check) localCheck {
	shown := localCheck{
		Node: c.Node, CheckID: c.CheckID, Name: c.Name, Status: c.Status, Notes: c.Notes, Output: c.Output,
		ServiceID: c.ServiceID, ServiceName: c.ServiceName, ServiceTags: c.ServiceTags,
	}
	shown.Definition.Interval, shown.Definition.Timeout = "0s", "0s"
	shown.Definition.DeregisterCriticalServiceAfter = "0s"
	if len(shown.ServiceTags) == 0 {
		shown.ServiceTags = nil
	}
	return shown
}
