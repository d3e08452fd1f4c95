package api

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/realjf/muster/agent/state"
)

// healthNode lists the checks of a node and of the services on it.
func (a *API) healthNode(r *http.Request) (any, error) {
	name, err := pathName(r, "node", "Missing node name")
	if err != nil {
		return nil, err
	}
	return a.checks(r, state.NodeChecks(name), func(s *state.Snapshot) []*state.Check { return s.ChecksOn(name) })
}

// healthChecks lists the checks of all instances of a service.
func (a *API) healthChecks(r *http.Request) (any, error) {
	service, err := pathName(r, "service", "Missing service name")
	if err != nil {
		return nil, err
	}
	return a.checks(r, state.ServiceHealth(service), func(s *state.Snapshot) []*state.Check { return s.ChecksFor(service) })
}

// healthState lists the checks in a status, or all with "any".
func (a *API) healthState(r *http.Request) (any, error) {
	name, err := pathName(r, "state", "Missing check state")
	if err != nil {
		return nil, err
	}
	status := state.Status(name)
	return a.checks(r, state.ChecksIn(status), func(s *state.Snapshot) []*state.Check { return s.ChecksIn(status) })
}

// checks is the question for a list of checks.
func (a *API) checks(r *http.Request, topic state.Topic, list func(*state.Snapshot) []*state.Check) (any, error) {
	meta, filter := nodeMeta(r), parameters(r).Get("filter")
	near, topic := a.near(parameters(r), topic)
	if len(meta) > 0 {
		topic = state.Everything // the nodes decide too
	}
	return a.catalog(r, topic, func(s *state.Snapshot) (any, error) {
		checks := keep(list(s), func(c *state.Check) bool { return meta.matches(s.Node(c.Node)) })
		return filtered(filter, state.Nearest(s, near, checks, func(c *state.Check) string { return c.Node }))
	})
}

// healthService lists the instances of a service with their nodes and checks.
func (a *API) healthService(r *http.Request) (any, error) {
	return a.instances(r, parameters(r)["tag"], state.ServiceHealth, (*state.Snapshot).Instances)
}

// instances is the question for the instances of the service in the path that
// have the tags, as list finds them in the state.
func (a *API) instances(r *http.Request, tags []string, covers func(string) state.Topic, list func(*state.Snapshot, string) []state.Instance) (any, error) {
	service, err := pathName(r, "service", "Missing service name")
	if err != nil {
		return nil, err
	}
	query := parameters(r)
	passing, err := passingOnly(query)
	if err != nil {
		return nil, err
	}
	meta, filter := nodeMeta(r), query.Get("filter")
	near, topic := a.near(query, covers(service))
	if query.Get("peer") != "" { // another cluster's, which is not known
		list = func(*state.Snapshot, string) []state.Instance { return nil }
	}
	list, topic = central(query, list, topic)
	return bare(cacheable(a.catalog(r, topic, func(s *state.Snapshot) (any, error) {
		instances := keep(list(s, service), func(i state.Instance) bool {
			return meta.matches(i.Node) && hasTags(i.Service, tags) &&
				(!passing || state.Worst(i.Checks) == state.Passing)
		})
		return filtered(filter, state.Nearest(s, near, instances, func(i state.Instance) string { return i.Node.Node }))
	})))
}

// passingOnly returns what ?passing says; without a value it means true. Groups
// of services over several clusters are refused with it, as in Consul.
func passingOnly(query url.Values) (bool, error) {
	if query.Has("sg") {
		return false, &failure{http.StatusInternalServerError, "sameness groups are not supported in consul CE"}
	}
	text := query.Get("passing")
	if text == "" {
		return query.Has("passing"), nil
	}
	passing, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest("Invalid value for ?passing")
	}
	return passing, nil
}
