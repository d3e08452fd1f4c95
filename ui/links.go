package ui

import (
	"net/url"
	"strings"
)

// led returns where a link to Consul's page leads here: to the place on this
// page that shows the same thing. False where nothing does.
//
// Consul's paths are /ui/DATACENTER/services/NAME/instances/NODE/ID and the
// like; behind a name may stand a view of it.
func led(path string) (to string, shown bool) {
	parts := strings.Split(strings.Trim(strings.TrimPrefix(path, "/ui/"), "/"), "/")
	place := url.URL{Path: "/ui/"}
	part := func(n int) string {
		if n < len(parts) {
			return parts[n]
		}
		return ""
	}
	switch part(1) {
	case "", "overview", "nodes": // what is on a node stands with each service
	case "services":
		switch {
		case part(3) == "instances" && part(5) != "":
			place.Fragment = instanceAnchor(part(4), part(5))
		case part(2) != "":
			place.Fragment = serviceAnchor(part(2))
		}
	default:
		return "", false
	}
	return place.String(), true
}

// The names of places on the page.
func serviceAnchor(name string) string      { return "services/" + name }
func instanceAnchor(node, id string) string { return "instances/" + node + "/" + id }
