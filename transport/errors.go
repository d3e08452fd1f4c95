package transport

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/go-kit/kit/transport"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/endpoint"
	"github.com/realjf/muster/internal/brief"
	"github.com/realjf/muster/service"
)

// statuses says which status each kind of error gets.
var statuses = map[service.Kind]int{
	service.Invalid:     http.StatusBadRequest,
	service.NotFound:    http.StatusNotFound,
	service.Unhealthy:   http.StatusServiceUnavailable,
	service.Unavailable: http.StatusServiceUnavailable,
	service.Leaving:     http.StatusServiceUnavailable,
	service.Timeout:     http.StatusGatewayTimeout,
	service.Canceled:    http.StatusServiceUnavailable, // nobody is there to read it
	service.Internal:    http.StatusInternalServerError,
}

// problem is the body of an answer that has nothing but an error.
type problem struct {
	Error string `json:"error"`
}

// describe returns the text of err for a caller. What went wrong inside of us
// is for the log, not for strangers.
func describe(err error) string {
	if service.KindOf(err) == service.Internal {
		return "internal error"
	}
	return err.Error()
}

// The error encoders cannot fail: what they write always encodes.

func encodeError(_ context.Context, err error, w http.ResponseWriter) {
	_ = writeJSON(w, statuses[service.KindOf(err)], problem{describe(err)})
}

// encodeDiscoveryError keeps the shape of a discovery answer, with an empty
// list, unless the question itself was wrong.
func encodeDiscoveryError(ctx context.Context, err error, w http.ResponseWriter) {
	kind := service.KindOf(err)
	if kind == service.Invalid {
		encodeError(ctx, err, w)
		return
	}
	_ = writeJSON(w, statuses[kind], endpoint.DiscoveryResponse{
		Instances: []discover.Instance{},
		Error:     describe(err),
	})
}

func encodeHealthError(_ context.Context, err error, w http.ResponseWriter) {
	_ = writeJSON(w, statuses[service.KindOf(err)], endpoint.HealthResponse{Status: false})
}

func notFound(w http.ResponseWriter, r *http.Request) {
	_ = writeJSON(w, http.StatusNotFound, problem{"no such path: " + shortened(r.URL.Path)})
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	_ = writeJSON(w, http.StatusMethodNotAllowed, problem{"method " + shortened(r.Method) + " not allowed"})
}

// logErrors writes down what go-kit could not decode or encode. The endpoints
// have logged their own errors by then, so these lines are for who looks close.
func logErrors(logger *slog.Logger) transport.ErrorHandler {
	return transport.ErrorHandlerFunc(func(ctx context.Context, err error) {
		logger.DebugContext(ctx, "request answered with an error", "error", err)
	})
}

// shortened cuts what a stranger sent to what is worth telling again: in JSON
// each byte of it can take six.
func shortened(text string) string { return brief.Text(text, 200) }
