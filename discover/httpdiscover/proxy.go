package httpdiscover

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/internal/quiet"
)

// ReverseProxy returns a gateway to a service: target is its URL, such as
// http://web, or http://web/api for what is below a path. Each request goes to
// an instance as [Transport.RoundTrip] says, upgrades such as web sockets too.
//
// The service sees its own name as the host. What a request says of where it
// came from is not believed: X-Forwarded-For, -Host and -Proto are made anew
// from the connection, and the others of the kind, Forwarded and X-Real-Ip are
// left out. Who stands behind another proxy that they trust changes Rewrite.
//
// What cannot be answered is answered in JSON, {"error": "..."}: 503 with
// Retry-After where there is no instance, or the registry has not answered yet;
// 504 where the service took too long; 413 where a body was larger than an
// http.MaxBytesReader allows; and 502 otherwise. The reason is told to logger
// rather than to strangers; nil means silence. The result may be changed before
// it is used.
//
// It panics when target is no URL that the transport calls, such as http://web:80: every
// request would be answered 500. [Transport.Validate] knows of one that comes from
// a setting.
func (t *Transport) ReverseProxy(target *url.URL, logger *slog.Logger) *httputil.ReverseProxy {
	if err := t.Validate(target); err != nil {
		panic("httpdiscover: ReverseProxy needs the URL of a service: " + err.Error())
	}
	logger = quiet.Logger(logger)
	return &httputil.ReverseProxy{
		Transport: t,
		Rewrite: func(r *httputil.ProxyRequest) {
			for name := range r.Out.Header {
				if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" {
					r.Out.Header.Del(name)
				}
			}
			r.SetURL(target)
			r.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			answer := answerFor(err, r.Context(), target.Host)
			logger.Log(r.Context(), answer.level, "request not answered by the service", "service", target.Host, "status", answer.status, "error", err)
			answer.write(w)
		},
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// answer is what is said instead of the service.
type answer struct {
	status int
	text   string
	level  slog.Level
}

// answerFor returns what is said to a caller whose request ended with err.
func answerFor(err error, ctx context.Context, service string) answer {
	var tooLarge *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // nobody is there to read it
		return answer{http.StatusServiceUnavailable, "the caller went away", slog.LevelDebug}
	case errors.As(err, &tooLarge):
		return answer{http.StatusRequestEntityTooLarge, "the request is too large", slog.LevelDebug}
	case errors.Is(err, balance.ErrNoInstance):
		return answer{http.StatusServiceUnavailable, "there is no healthy instance of " + service, slog.LevelWarn}
	case errors.Is(err, discover.ErrUnavailable), errors.Is(err, discover.ErrClosed):
		return answer{http.StatusServiceUnavailable, "the instances of " + service + " are not known yet", slog.LevelWarn}
	case errors.Is(err, discover.ErrInvalid):
		return answer{http.StatusInternalServerError, "internal error", slog.LevelError}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return answer{http.StatusGatewayTimeout, service + " took too long to answer", slog.LevelWarn}
	}
	return answer{http.StatusBadGateway, service + " did not answer", slog.LevelWarn}
}

// retrySeconds is what is said to who finds no instance: about what a check
// takes to find one.
const retrySeconds = "5"

func (a answer) write(w http.ResponseWriter) {
	if a.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retrySeconds)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(struct { // who does not read it is gone
		Error string `json:"error"`
	}{a.text})
}
