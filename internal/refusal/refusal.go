// Package refusal tells what a registry means that answers a request with an
// error: the one thing that finding and announcing both need to know of it. It
// sends nothing, and its functions may be called concurrently.
package refusal

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// ErrInterrupted is said of an answer: the connection broke on which it was waited
// for, so that whoever asked cannot tell whether the registry started anew since
// the last one.
var ErrInterrupted = errors.New("the connection to the registry broke while it was asked")

// refusal is the answer of a registry that gives none, with how long it asks to
// be left alone. It is an [api.StatusError] as well.
type refusal struct {
	api.StatusError
	after time.Duration // 0 where it does not say
}

// Unwrap returns the refusal as Consul's client has it.
func (r refusal) Unwrap() error { return r.StatusError }

// longestText is how much is read of what a refusal says.
const longestText = 64 << 10

// Of reads a refusal.
func Of(response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, longestText))
	if err != nil {
		return err
	}
	return refusal{
		StatusError: api.StatusError{Code: response.StatusCode, Body: strings.TrimSpace(string(text))},
		after:       retryAfterOf(response.Header.Get("Retry-After"), time.Now()),
	}
}

// How long a registry that refuses is left alone at least, whatever its
// Retry-After says, and at most. Who fails otherwise asks once a second anyhow.
const (
	leastAlone   = time.Second
	longestAlone = 30 * time.Second
)

// retryAfterOf reads the header of that name: seconds, or a date; 0 is that it
// does not say. RFC 9110, 10.2.3.
func retryAfterOf(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// AloneFor returns how long a registry that has too much to do is to be left
// alone, which is at most longestAlone; 0 where the error is another one.
func AloneFor(err error) time.Duration {
	var status api.StatusError
	if !errors.As(err, &status) || status.Code != http.StatusTooManyRequests && status.Code != http.StatusServiceUnavailable {
		return 0
	}
	var said refusal
	errors.As(err, &said)
	switch {
	case IsBusy(err):
		return min(max(said.after, leastAlone), longestAlone)
	case said.after > leastAlone:
		return min(said.after, longestAlone)
	}
	return 0 // it is asked no more often than that anyhow
}

// IsNotFound reports whether a registry does not know what it was asked about.
func IsNotFound(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}

// IsRefused reports whether a registry will not have a request, whoever asks it
// how often: it is no request, or who sends it has no right to.
func IsRefused(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) &&
		(status.Code == http.StatusBadRequest || status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden)
}

// IsOfQuestion reports whether a registry has a question for wrong, or for none
// that this token may ask, or is no registry at that place. Of one in a
// datacenter that it does not know, or with a filter that it does not understand,
// Consul tells that with a status of 500.
func IsOfQuestion(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && (IsRefused(err) || IsNotFound(err) ||
		status.Code == http.StatusInternalServerError &&
			(strings.Contains(status.Body, "No path to datacenter") || strings.Contains(status.Body, "Failed to create boolean expression evaluator")))
}

// IsBusy reports whether a registry refused because it is asked for too much:
// both Consul and muster then say to try again, which one that shuts down or
// cannot answer does not.
func IsBusy(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusTooManyRequests ||
		status.Code == http.StatusServiceUnavailable && strings.Contains(status.Body, "try again"))
}

// IsAnswer reports whether it was the registry that gave an error.
func IsAnswer(err error) bool {
	var status api.StatusError
	return errors.As(err, &status)
}

// IsUnsent reports whether a request cannot have arrived: no connection came
// about.
func IsUnsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
