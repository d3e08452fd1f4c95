// Package transport puts the service's endpoints on HTTP: it decodes a
// request, calls the endpoint and encodes what came of it as JSON.
//
// It decides nothing. Which path leads to which endpoint is one table here,
// which status an error gets is another (errors.go). It does not listen; the
// handler it makes is served by its caller.
package transport

import (
	"log/slog"
	"net/http"

	kit "github.com/go-kit/kit/transport/http"

	"github.com/realjf/muster/endpoint"
	"github.com/realjf/muster/internal/quiet"
)

// Config says what a handler has besides the endpoints. Its zero value works.
type Config struct {
	Metrics http.Handler // answers GET /metrics; nil means that there is none
	Leaving func() bool  // whether connections should be given up; nil means never
	Logger  *slog.Logger // gets what could not be read or written; nil means silence
}

// NewHandler returns a handler that serves the endpoints of set. It may be
// used by any number of requests at once.
func NewHandler(set endpoint.Set, cfg Config) http.Handler {
	cfg.Logger = quiet.Logger(cfg.Logger)
	errors := kit.ServerErrorHandler(logErrors(cfg.Logger))

	routes := map[string]http.Handler{
		"/say-hello": kit.NewServer(set.SayHello, decodeSayHello, encodeResponse,
			errors, kit.ServerErrorEncoder(encodeError)),
		"/discovery": kit.NewServer(set.Discovery, decodeDiscovery, encodeResponse,
			errors, kit.ServerErrorEncoder(encodeDiscoveryError)),
		"/health": kit.NewServer(set.Health, decodeHealth, encodeResponse,
			errors, kit.ServerErrorEncoder(encodeHealthError)),
	}
	if cfg.Metrics != nil {
		routes["/metrics"] = cfg.Metrics
	}

	mux := http.NewServeMux()
	for path, handler := range routes {
		mux.Handle("GET "+path, handler) // HEAD too
		mux.HandleFunc(path, methodNotAllowed)
	}
	mux.HandleFunc("/", notFound)
	if cfg.Leaving == nil {
		return mux
	}
	return giveUpConnections(cfg.Leaving, mux)
}

// giveUpConnections asks clients to close their connection after the answer
// while leaving says so. http.Server.SetKeepAlivesEnabled(false) would close
// idle connections at once, under the hands of clients that do not know yet.
func giveUpConnections(leaving func() bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if leaving() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
