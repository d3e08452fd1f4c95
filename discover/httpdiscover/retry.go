package httpdiscover

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/realjf/muster/discover/retry"
)

// Retry says when a request is sent again, to another instance while there is
// one; the zero value works.
//
// A request of which nothing was sent, as no connection came about, is sent
// again whatever it is. One that may have reached an instance is sent again only
// when that does no harm, as its method is idempotent (RFC 9110, 9.2.2: GET,
// HEAD, OPTIONS, TRACE, PUT and DELETE) or it has an Idempotency-Key, and when
// it has no body or a GetBody to have it anew. Once a caller has the headers of a
// response nothing is sent again.
type Retry struct {
	// Attempts is how often a request is sent at most; 0 means 3, 1 never again.
	// A copy that finds out about a silent instance is not among them, and there is
	// none where this is 1.
	Attempts int
	// Timeout bounds the time until the headers of a response come, for each
	// attempt; an attempt that exceeds it is the instance's failure. 0 means no
	// bound: what the service may take, the caller's context says.
	Timeout time.Duration
	// Statuses are the instance's failures: they count against it, and requests
	// that got one are sent again. Nil means 502, 503 and 504.
	//
	// Where there is no other instance, what Retry-After says is waited for, if
	// that is a second at most and ends before the caller's context.
	Statuses []int
	// Budget bounds how many requests to a service are sent again. What was not
	// sent takes nothing from it: it reaches an instance for the first time.
	Budget retry.BudgetConfig
}

// settled returns r with its defaults.
func (r Retry) settled() Retry {
	r.Attempts = max(1, cmp.Or(r.Attempts, 3))
	if r.Statuses == nil {
		r.Statuses = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	}
	return r
}

// outcome is what became of an attempt, as far as sending again goes.
type outcome int

const (
	final     outcome = iota // the response, or the error, is the caller's
	unsent                   // nothing reached the instance
	ambiguous                // it failed, and may have had its effect
)

// again reports whether a request may be sent again after an attempt that
// ended so.
func (o outcome) again(r *http.Request) bool {
	switch o {
	case unsent:
		return true // a body that cannot be had anew was not touched
	case ambiguous:
		return idempotent(r) && (!hasBody(r) || r.GetBody != nil)
	}
	return false
}

// idempotent reports whether it does no harm to have a request's effect twice.
func idempotent(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return keyed(r)
}

// safe reports whether a request asks for no effect (RFC 9110, 9.2.1). An effect that
// may happen twice may still not happen late: a PUT that arrives after its caller's
// next one undoes that.
func safe(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// keyed reports whether the caller says that a request has a key by which a service
// tells that it had it before, as net/http takes it too, which sends such a one again
// where it finds a connection closed.
func keyed(r *http.Request) bool {
	return r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != ""
}

func (r Retry) bad(status int) bool { return slices.Contains(r.Statuses, status) }

const (
	// maxWait is how long is waited at most before an instance is asked again.
	maxWait = time.Second
	// firstPause is what is waited where nobody says how long, twice as long each
	// time; some part of it, so that not all come back at once.
	firstPause = 50 * time.Millisecond
)

// pause returns how long to wait before an instance that was asked so often
// already is asked again: as response says, if there is one.
func pause(number int, response *http.Response, now time.Time) time.Duration {
	if response != nil {
		if wait, ok := retryAfter(response.Header, now); ok {
			return wait
		}
	}
	most := min(firstPause<<min(number-1, 10), maxWait)
	return most/2 + rand.N(most/2)
}

// retryAfter returns what the header Retry-After says (RFC 9110, 10.2.3): a
// number of seconds, or a date.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now)), true
	}
	return 0, false
}
