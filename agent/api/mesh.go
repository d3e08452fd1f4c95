package api

import (
	"net/http"

	"github.com/realjf/muster/agent/state"
)

// The service mesh: how services are reached through their proxies. Gateways
// stand before nobody yet.

// healthConnect lists the instances through which a service is reached in the
// mesh. Like Consul it does not look at tags.
func (a *API) healthConnect(r *http.Request) (any, error) {
	return a.instances(r, nil, state.MeshHealth, (*state.Snapshot).MeshInstances)
}

// catalogConnect is healthConnect without the health.
func (a *API) catalogConnect(r *http.Request) (any, error) {
	return a.entries(r, nil, state.MeshHealth, (*state.Snapshot).MeshInstances)
}

// healthIngress lists the ingress gateways of a service.
func (a *API) healthIngress(r *http.Request) (any, error) {
	if _, err := passingOnly(parameters(r)); err != nil {
		return nil, err
	}
	service, err := pathName(r, "service", "Missing service name")
	if err != nil {
		return nil, err
	}
	filter := parameters(r).Get("filter")
	return bare(cacheable(a.catalog(r, state.ServiceInstances(service), func(*state.Snapshot) (any, error) {
		return filtered(filter, []state.Instance{}) // a filter must fit what there would be
	})))
}

// catalogGatewayServices lists the services behind a gateway.
func (a *API) catalogGatewayServices(r *http.Request) (any, error) {
	gateway, err := pathName(r, "service", "Missing gateway name")
	if err != nil {
		return nil, err
	}
	return a.catalog(r, state.ServiceInstances(gateway), func(*state.Snapshot) (any, error) { return []any{}, nil })
}
