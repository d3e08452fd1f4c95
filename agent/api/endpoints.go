package api

import (
	"net/http"
	"slices"
)

// Endpoint is a path of the API, as http.ServeMux takes it, and the methods
// that it has.
type Endpoint struct {
	Path    string
	Methods []string
}

// Endpoints returns all that are served, for those who want to go through them.
func Endpoints() []Endpoint {
	var all []Endpoint
	for _, route := range (*API)(nil).routes() { // of which nothing is called
		all = append(all, Endpoint{route.path, route.allowed()})
	}
	return all
}

// allowed returns the methods that a route has.
func (r route) allowed() []string {
	var methods []string
	for _, o := range r.deeds() {
		methods = append(methods, o.method)
	}
	return methods
}

// deed is what a route does for one method.
type deed struct {
	method string
	handle handler
	cost   cost
	work   work
}

// deeds returns those of a route.
func (r route) deeds() []deed {
	var all []deed
	for _, o := range []deed{
		{method: http.MethodGet, handle: r.get}, {method: http.MethodPost, handle: r.post}, {method: http.MethodPut, handle: r.put}, {method: http.MethodDelete, handle: r.del},
	} {
		if o.handle != nil {
			o.cost, o.work = costOf(o.method, r.path), workOf(o.method, r.path)
			all = append(all, o)
		}
	}
	return slices.Clip(all)
}
