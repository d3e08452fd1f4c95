package agent

import (
	"cmp"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/ui"
)

// guard stands before all rooms that speak HTTP and decides who is let in: who
// carries a token where one is demanded (tokens.go), and no page of another
// site that wants to change something (origin.go), or that took the name of
// this machine to read it (hosts.go).
type guard struct {
	rooms    http.Handler
	entrance http.Handler // asks people for a token
	tokens   *tokens
	logger   *slog.Logger
	rules    atomic.Pointer[rules]
}

// rules are what the configuration in force says of browsers.
type rules struct {
	hosts   hosts
	origins origins
}

func newGuard(config Config, tokens *tokens, rooms http.Handler, logger *slog.Logger) *guard {
	g := &guard{rooms: rooms, entrance: ui.Entrance(), tokens: tokens, logger: logger}
	g.adjust(config)
	return g
}

// adjust puts the rules of a configuration into force.
func (g *guard) adjust(config Config) {
	g.rules.Store(&rules{
		hosts:   hosts{node: config.Node, domains: []string{cmp.Or(config.Domain, "consul"), config.AltDomain}, named: config.HTTPHosts},
		origins: newOrigins(*headers(config)),
	})
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	why := g.refusal(r)
	switch {
	case why == "":
		g.rooms.ServeHTTP(w, r)
		return
	case why == noToken && ofThePage(r):
		g.entrance.ServeHTTP(w, r)
		return
	}
	// Callers must not be able to fill the log.
	g.logger.Debug("request refused", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr, "host", r.Host, "why", why)
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	if g.tokens.demanded() {
		header.Set("X-Consul-Default-Acl-Policy", "deny")
	}
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, why) // the one error is that the client is gone
}

// What is said to who carries no token, or a wrong one. The beginnings are
// Consul's, which clients look for.
const (
	noToken = "Permission denied: this registry demands a token, and the request carries none. " +
		"It belongs into X-Consul-Token or Authorization: Bearer; command lines take it from CONSUL_HTTP_TOKEN."
	wrongToken = "ACL not found" // #nosec G101 -- it speaks of tokens and is none
)

// refusal returns why a request is not let in; "" when it is.
func (g *guard) refusal(r *http.Request) string {
	rules, demanded := g.rules.Load(), g.tokens.demanded()
	// Who took the name of this machine has no token for it, and no certificate.
	if !demanded && r.TLS == nil && fromBrowser(r.Header) && !rules.hosts.know(r.Host) {
		return strangeHost(r.Host)
	}
	if !rules.origins.let(r) {
		return strangeOrigin(r)
	}
	if !demanded || open(r) {
		return ""
	}
	switch token := api.Token(r); {
	case token == "":
		return noToken
	case !g.tokens.accept(token):
		return wrongToken
	}
	return ""
}

// open reports whether a request needs no token: as with a Consul that denies
// by default, who leads may be known, and a browser asks which methods there
// are before it sends a token. Both say the same on every registry. So do the
// paths that lead to the page.
func open(r *http.Request) bool {
	path := r.URL.Path
	switch r.Method {
	case http.MethodOptions:
		return strings.HasPrefix(path, "/v1/")
	case http.MethodGet, http.MethodHead:
		return path == "/v1/status/leader" || path == "/v1/status/peers" || path == "/" || path == "/ui"
	}
	return false
}

// ofThePage reports whether somebody wants to see the page.
func ofThePage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasPrefix(r.URL.Path, "/ui/")
}
