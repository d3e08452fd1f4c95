package api

import "net/http"

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
	for _, m := range []struct {
		name   string
		handle handler
	}{{http.MethodGet, r.get}, {http.MethodPost, r.post}, {http.MethodPut, r.put}, {http.MethodDelete, r.del}} {
		if m.handle != nil {
			methods = append(methods, m.name)
		}
	}
	return methods
}
