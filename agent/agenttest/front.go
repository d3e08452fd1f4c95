package agenttest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// front stands before a registry's rooms and lets its requests see the faults
// that are in force.
type front struct {
	gate  *gate
	rooms http.Handler
}

// ServeHTTP implements http.Handler. A read that waits is asked anew whenever
// what is wrong changes, and so is treated as one that came then.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for {
		now := f.gate.state(r)
		switch fault := now.fault; {
		case fault.hang:
			select {
			case <-now.over.Done():
				continue
			case <-r.Context().Done():
				return
			}
		case fault.status != 0:
			now.delay(r.Context())
			refuse(w, fault)
			return
		}
		if f.ask(w, r, now) {
			return
		}
	}
}

// refuse is the answer of a registry that gives none.
func refuse(w http.ResponseWriter, fault Fault) {
	if fault.retryAfter > 0 {
		seconds := (fault.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	http.Error(w, "this registry was told to answer "+strconv.Itoa(fault.status), fault.status)
}

// delay waits as long as answers are delayed, unless that ends.
func (s state) delay(ctx context.Context) {
	if s.fault.delay == 0 {
		return
	}
	timer := time.NewTimer(s.fault.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.over.Done():
	case <-ctx.Done():
	}
}

// ask asks the rooms. It reports false when nothing was answered because
// something else is wrong now.
func (f *front) ask(w http.ResponseWriter, r *http.Request, now state) bool {
	a := &answer{ResponseWriter: w, header: http.Header{}, request: r, now: now, base: f.gate.base.Load()}
	asked := r
	if r.Method == http.MethodGet {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(now.over, cancel)()
		asked = a.shifted(r.WithContext(ctx))
		a.ctx = ctx
	}
	f.rooms.ServeHTTP(a, asked)
	if !a.decided && !a.stale() {
		a.WriteHeader(http.StatusOK)
	}
	return a.decided
}

// answer is a response as a fault lets it through.
type answer struct {
	http.ResponseWriter
	header  http.Header
	request *http.Request
	ctx     context.Context // of the question; nil when it cannot be asked anew
	now     state
	base    uint64

	decided bool // the head is written
	lost    bool // what the rooms say is not passed on
}

// stale reports whether something else is wrong than when the question was
// asked, and it can be asked anew.
func (a *answer) stale() bool {
	return a.ctx != nil && a.now.over.Err() != nil && a.request.Context().Err() == nil
}

// Header implements http.ResponseWriter. It is of the answer's own, for one that
// is thrown away must leave nothing.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.decided || a.lost {
		return
	}
	if !a.stale() {
		a.now.delay(a.request.Context())
	}
	if a.stale() {
		a.lost = true // and the question is asked anew
		return
	}
	a.decided = true
	out := a.ResponseWriter.Header()
	clear(out)
	for name, values := range a.header {
		out[name] = values
	}
	if index, ok := a.told(); ok {
		out["X-Consul-Index"] = []string{strconv.FormatUint(index, 10)}
	}
	a.lost = a.now.fault.empty && (status == http.StatusOK || status == http.StatusIMUsed) && listsInstances(a.request)
	if a.lost {
		status = http.StatusOK
		for _, name := range []string{"Content-Encoding", "Im", "Delta-Base", "Etag"} {
			out.Del(name)
		}
		out.Set("Content-Length", "2")
	}
	a.ResponseWriter.WriteHeader(status)
	if a.lost {
		_, _ = io.WriteString(a.ResponseWriter, "[]") // the one error is that the client is gone
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.lost {
		return len(p), nil
	}
	return a.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (a *answer) FlushError() error {
	a.WriteHeader(http.StatusOK)
	if a.lost {
		return nil
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// listsInstances reports whether a request asks for instances of a service.
func listsInstances(r *http.Request) bool {
	for _, path := range []string{"/v1/health/service/", "/v1/health/connect/", "/v1/health/ingress/", "/v1/catalog/service/", "/v1/catalog/connect/"} {
		if strings.HasPrefix(r.URL.Path, path) {
			return r.Method == http.MethodGet
		}
	}
	return false
}

// shift is by how much the indexes that are told are above the true ones.
func (a *answer) shift() int64 {
	if strings.HasPrefix(a.request.URL.Path, "/v1/event/") {
		return 0 // these are numbers of another kind
	}
	shift := -int64(a.base)
	if a.now.fault.empty && listsInstances(a.request) {
		shift++
	}
	return shift
}

// told returns the index that is told in the place of the true one.
func (a *answer) told() (uint64, bool) {
	shift := a.shift()
	index, err := strconv.ParseInt(a.header.Get("X-Consul-Index"), 10, 64)
	if err != nil || shift == 0 || index+shift < 1 {
		return 0, false
	}
	return uint64(index + shift), true
}

// shifted returns the request with the true index in the place of the one that
// the client was told.
func (a *answer) shifted(r *http.Request) *http.Request {
	shift := a.shift()
	query := r.URL.Query()
	index, err := strconv.ParseInt(query.Get("index"), 10, 64)
	if err != nil || shift == 0 || index == 0 {
		return r
	}
	query.Set("index", strconv.FormatInt(max(index-shift, 1), 10))
	at := new(url.URL)
	*at = *r.URL
	at.RawQuery = query.Encode()
	r.URL = at // of a copy of the request
	return r
}
