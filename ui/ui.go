// Package ui is the registry's web page: the services, their instances and
// checks. It is a client of Consul's public API like any other, so it shows a
// Consul cluster as well as muster's own registry. It stores nothing, changes
// nothing, and asks no other host for anything.
package ui

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	consul "github.com/hashicorp/consul/api"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// New returns the handler of the page, which asks client. It is safe for
// concurrent use.
func New(client *consul.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/ui/":
			to, shown := led(r.URL.Path)
			if !shown {
				http.Error(w, "the page, at /ui/, shows services, their instances and their checks; there is none of this yet", http.StatusNotFound)
				return
			}
			http.Redirect(w, r, to, http.StatusFound)
			return
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
			return
		}
		view, err := look(r, client)
		if err != nil {
			http.Error(w, "the registry does not answer: "+err.Error(), http.StatusBadGateway)
			return
		}
		var body bytes.Buffer
		if err := page.Execute(&body, view); err != nil {
			http.Error(w, "draw the page: "+err.Error(), http.StatusInternalServerError)
			return
		}
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-store")
		// Names and outputs come from whoever may register: nothing of them
		// may run or be fetched, whatever slips past the template.
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body.Bytes()) // the one error is that the reader is gone
	})
}

// view is what the page shows.
type view struct {
	Datacenter, Node string
	Services         []service
	Passing, Known   int // instances
}

type service struct {
	Name      string
	Tags      []string
	Instances []instance
	Passing   int
}

// Anchor is its place on the page.
func (s service) Anchor() string { return serviceAnchor(s.Name) }

// Status is the service's: passing while all instances are, and critical while
// none is.
func (s service) Status() string {
	switch s.Passing {
	case 0:
		return consul.HealthCritical
	case len(s.Instances):
		return consul.HealthPassing
	}
	return consul.HealthWarning
}

type instance struct {
	ID, Node, Address, Status string
	Tags                      []string
	Checks                    []*consul.HealthCheck
}

// Anchor is its place on the page.
func (i instance) Anchor() string { return instanceAnchor(i.Node, i.ID) }

// look asks the registry for all that the page shows.
func look(r *http.Request, client *consul.Client) (view, error) {
	options := (&consul.QueryOptions{}).WithContext(r.Context())
	var v view
	self, err := client.Agent().Self()
	if err != nil {
		return v, err
	}
	v.Datacenter, _ = self["Config"]["Datacenter"].(string)
	v.Node, _ = self["Config"]["NodeName"].(string)
	names, _, err := client.Catalog().Services(options)
	if err != nil {
		return v, err
	}
	for name, tags := range names {
		entries, _, err := client.Health().Service(name, "", false, options)
		if err != nil {
			return v, err
		}
		s := service{Name: name, Tags: tags}
		for _, entry := range entries {
			one := instance{
				ID: entry.Service.ID, Node: entry.Node.Node, Address: address(entry),
				Status: entry.Checks.AggregatedStatus(), Tags: entry.Service.Tags, Checks: entry.Checks,
			}
			if one.Status == consul.HealthPassing {
				s.Passing++
			}
			s.Instances = append(s.Instances, one)
		}
		v.Passing += s.Passing
		v.Known += len(s.Instances)
		v.Services = append(v.Services, s)
	}
	slices.SortFunc(v.Services, func(a, b service) int { return strings.Compare(a.Name, b.Name) })
	return v, nil
}

// address is where an instance is reached.
func address(entry *consul.ServiceEntry) string {
	host := entry.Service.Address
	if host == "" {
		host = entry.Node.Address
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if entry.Service.Port == 0 {
		return host
	}
	return fmt.Sprintf("%s:%d", host, entry.Service.Port)
}
