package api

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/realjf/muster/agent/state"
)

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
		if svc.Service != name { // unlike in the catalog, case matters
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
		said, err := a.encode(r, health)
		if err != nil {
			return nil, err
		}
		out = jsonReply(said)
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
