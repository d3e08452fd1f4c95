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
	return bare(cacheable(nobody[state.Instance](a, r, "Missing service name")))
}

// catalogGatewayServices lists the services behind a gateway.
func (a *API) catalogGatewayServices(r *http.Request) (any, error) {
	gateway, err := pathName(r, "service", "Missing gateway name")
	if err != nil {
		return nil, err
	}
	return a.catalog(r, state.ServiceInstances(gateway), func(*state.Snapshot) (any, error) { return []any{}, nil })
}

// nobody is the question for a list of the mesh about the service in the path:
// it is empty, and a filter must fit what it would hold.
func nobody[T any](a *API, r *http.Request, missing string) (any, error) {
	service, err := pathName(r, "service", missing)
	if err != nil {
		return nil, err
	}
	filter := parameters(r).Get("filter")
	return a.catalog(r, state.ServiceInstances(service), func(*state.Snapshot) (any, error) {
		return filtered(filter, []T{})
	})
}
