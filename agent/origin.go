package agent

import (
	"fmt"
	"net/http"
	"strings"
)

// origins knows pages of which sites may change something: this registry's own
// and the one that the response headers let write. Who is no browser says
// nothing of a site, and may.
//
// https://developer.mozilla.org/docs/Web/Security/Attacks/CSRF
type origins struct {
	own     *http.CrossOriginProtection
	trusted string          // a site that may write; "" for none
	methods map[string]bool // with which it may
}

// newOrigins reads the headers that every answer has: a site that stands there
// alone, with the methods that it may use, was trusted by who wrote them. "*"
// is no site: whoever everybody may read is not there for everybody to change.
func newOrigins(headers http.Header) origins {
	o := origins{own: http.NewCrossOriginProtection(), methods: map[string]bool{}}
	if site := headers.Get("Access-Control-Allow-Origin"); site != "*" {
		o.trusted = site
	}
	for method := range strings.SplitSeq(headers.Get("Access-Control-Allow-Methods"), ",") {
		o.methods[strings.ToUpper(strings.TrimSpace(method))] = true
	}
	return o
}

// let reports whether a request changes nothing, or comes from where it may.
func (o origins) let(r *http.Request) bool {
	if o.own.Check(r) == nil {
		return true
	}
	return o.trusted != "" && r.Header.Get("Origin") == o.trusted && o.methods[r.Method]
}

// strangeOrigin says why a page may not write, and what to do.
func strangeOrigin(r *http.Request) string {
	return fmt.Sprintf("Permission denied: a page of another site, %q, may not change this registry. "+
		"To let it, name it in http_config.response_headers: Access-Control-Allow-Origin, and %s among Access-Control-Allow-Methods.",
		r.Header.Get("Origin"), r.Method)
}
