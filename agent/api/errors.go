package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/query"
	"github.com/realjf/muster/internal/brief"
)

// failure is an error that knows its status. Its text goes to the client,
// which may look for Consul's words in it.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

func badRequest(text string) error { return &failure{http.StatusBadRequest, text} }

// status is the table of which status an error has.
func status(err error) int {
	var failed *failure
	switch {
	case errors.As(err, &failed):
		return failed.status
	case errors.As(err, new(local.UnknownService)),
		errors.As(err, new(local.UnknownCheck)),
		errors.As(err, new(local.NoSuchService)),
		errors.Is(err, query.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fault is an error that is the registry's own, or its operator's. That a status
// is 500 does not say so: Consul answers much that is wrong with a request like
// that. Of a disk that takes nothing its keeper tells the log.
type fault struct{ error }

func (f fault) Unwrap() error { return f.error }

// cut shortens what a caller said for the log.
func cut(text string) string { return brief.Text(text, 512) }

// seldom is for what is to be told at once, and then once in a while as long as
// it goes on. It is safe for concurrent use.
type seldom struct {
	mu     sync.Mutex
	told   time.Time
	untold int
}

// faultPause is how long the log says nothing of faults after one.
const faultPause = time.Minute

// may reports whether to tell of what happens now, and of how many like it
// nobody was told.
func (s *seldom) may(now time.Time) (untold int, may bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.told.IsZero() && now.Sub(s.told) < faultPause {
		s.untold++
		return 0, false
	}
	untold, s.told, s.untold = s.untold, now, 0
	return untold, true
}

// writeError writes an error as Consul does: plain text without a new line.
func (a *API) writeError(w http.ResponseWriter, r *http.Request, err error) {
	code := status(err)
	level, said := slog.LevelDebug, []any{"method", r.Method, "path", cut(r.URL.Path), "status", code, "error", cut(err.Error())}
	if errors.As(err, new(fault)) { // callers must not be able to fill the log
		if since, may := a.faults.may(time.Now()); may {
			level, said = slog.LevelWarn, append(said, "others_since", since)
		}
	}
	a.logger.Log(r.Context(), level, "request failed", said...)
	if errors.As(err, new(refusal)) {
		maps.Copy(w.Header(), unanswered)
	}
	if err == errBusy {
		w.Header().Set("Retry-After", "1")
	}
	writeText(w, code, err.Error())
}

func writeText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text)) // the one error is that the client is gone
}

// notServed answers a path of Consul's API that is still to come.
func notServed(w http.ResponseWriter, r *http.Request) {
	area, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	writeText(w, http.StatusNotImplemented,
		"muster does not serve "+r.URL.Path+" yet; run a Consul agent where you need /v1/"+area)
}

// notFound answers every other path, in Consul's words.
func notFound(w http.ResponseWriter, r *http.Request) {
	text := "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n"
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		text = "Invalid URL path: not a recognized HTTP API endpoint\n"
	}
	writeText(w, http.StatusNotFound, text)
}
