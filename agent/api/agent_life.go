package api

import (
	"fmt"
	"net/http"
	"strings"
)

// agentVersion tells which Consul's contract is kept; muster's own version
// stands in /v1/agent/self.
func (a *API) agentVersion(*http.Request) (any, error) {
	return struct{ SHA, BuildDate, HumanVersion, FIPS string }{
		BuildDate: "1970-01-01T00:00:01Z", HumanVersion: a.local.Node().Meta["consul-version"],
	}, nil
}

// agentReload has the configuration read again. What is wrong with it is the
// answer, and then all stays as it was.
func (a *API) agentReload(*http.Request) (any, error) {
	if a.config.Reload == nil {
		return nil, nil // there is nothing to read
	}
	if err := a.config.Reload(); err != nil {
		return nil, fault{err} // whatever is wrong, it is not the request
	}
	return nil, nil
}

// agentLeave ends the agent. The answer still leaves.
func (a *API) agentLeave(*http.Request) (any, error) {
	if a.config.Leave == nil {
		return nil, &failure{http.StatusNotImplemented, "this registry is part of another program, and ends with it: stop that one"}
	}
	a.config.Leave()
	return nil, nil
}

// agentForceLeave lets a member of the cluster leave that failed. The only
// member is this node, which did not; what else is in the catalog was never
// one, and is deregistered there.
func (a *API) agentForceLeave(r *http.Request) (any, error) {
	name := r.PathValue("node")
	if strings.EqualFold(name, a.local.Node().Node) {
		return nil, nil
	}
	return nil, &failure{http.StatusInternalServerError, fmt.Sprintf("agent: No node found with name '%s'", name)}
}
