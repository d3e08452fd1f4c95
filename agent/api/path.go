package api

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/realjf/muster/agent/state"
)

// ServeHTTP implements http.Handler. Paths are looked at in their decoded form,
// as by Consul: what cannot be printed is refused, and what is not clean is
// sent to where it leads, but for keys that lead out of their place.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body != http.NoBody { // whether or not anybody wants it: the server reads it before it answers
		hurry(w, bodyTime)
	}
	if !state.Printable(r.URL.Path) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if leadsAway(r.URL.Path) {
		a.writeError(w, r, errKeyLeadsAway)
		return
	}
	if clean := cleanPath(r.URL.Path); clean != r.URL.Path {
		redirect(w, r, clean)
		return
	}
	a.mux.ServeHTTP(&visit{w, a.rooms}, r)
}

// leadsAway reports whether a path is that of a key with "." or ".." for an
// element: who follows it comes to another key, or to something that is none.
// A key may come from somebody whom the client does not trust, and clients
// follow redirects.
func leadsAway(path string) bool {
	key, is := strings.CutPrefix(path, "/v1/kv/")
	if !is || !strings.Contains("/"+key, "/.") {
		return false
	}
	for element := range strings.SplitSeq(key, "/") {
		if element == "." || element == ".." {
			return true
		}
	}
	return false
}

var errKeyLeadsAway = badRequest("Invalid key: an element of it may not be . or ..")

// redirect sends a client to another path, with the same parameters. It is 301,
// so most clients ask with GET there, whatever they asked with here.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	to := url.URL{Path: path, RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, to.String(), http.StatusMovedPermanently)
}

// cleanPath returns the path without empty elements, "." and "..".
func cleanPath(from string) string {
	if strings.HasPrefix(from, "/") && !strings.Contains(from, "//") && !strings.Contains(from, "/.") {
		return from
	}
	clean := path.Clean("/" + from)
	if strings.HasSuffix(from, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// leadBelow sends those who ask for a path without what stands below it, which
// is served, to there.
func (a *API) leadBelow(routes []route) {
	served := map[string]bool{}
	for _, route := range routes {
		served[route.path] = true
	}
	for _, route := range routes {
		below, _, named := strings.Cut(route.path, "{")
		if base := strings.TrimSuffix(below, "/"); named && !served[base] {
			served[base] = true
			a.rooms[base] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { redirect(w, r, below) })
		}
	}
}
