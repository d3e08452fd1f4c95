package service

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/brief"
)

// Errors that a caller can decide on, for use with [errors.Is].
var (
	// ErrNotFound reports that the registry knows no instance of a service.
	ErrNotFound = errors.New("discovery service not found")
	// ErrLeaving reports that the service is going and wants no new work.
	ErrLeaving = errors.New("service is leaving")
)

// UnhealthyError reports that a service is known but none of its instances is
// healthy.
type UnhealthyError struct {
	Service string
	Out     []discover.Instance // every known instance; at least one
}

// The longest message names maxOut instances with maxReason bytes each: a
// failing check's output may be a whole web page.
const (
	maxOut    = 5
	maxReason = 200
)

// Error says how many instances are known and why they are out.
func (e *UnhealthyError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no healthy instance of %q, %d known", e.Service, len(e.Out))
	for i, instance := range e.Out {
		if i == maxOut {
			fmt.Fprintf(&b, "; and %d more", len(e.Out)-maxOut)
			break
		}
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		fmt.Fprintf(&b, "%s%s is %s", separator, instance.ID, instance.Status)
		if instance.Reason != "" {
			fmt.Fprintf(&b, " (%s)", shorten(instance.Reason))
		}
	}
	return b.String()
}

// shorten puts a check's output on one line, of which maxReason bytes are told.
func shorten(reason string) string {
	return brief.Text(strings.Join(strings.Fields(reason), " "), maxReason)
}

// Kind sorts the outcomes of a call. The words are the values of the outcome
// label in the metrics.
type Kind string

// The kinds of outcome.
const (
	OK          Kind = "ok"
	Invalid     Kind = "invalid"     // the caller asked for something impossible
	NotFound    Kind = "not_found"   // the registry knows no such service
	Unhealthy   Kind = "unhealthy"   // it is known, but none of it is healthy
	Unavailable Kind = "unavailable" // the registry gave no answer
	Leaving     Kind = "leaving"     // this service is going
	Timeout     Kind = "timeout"     // the call's deadline passed
	Canceled    Kind = "canceled"    // the caller went away
	Internal    Kind = "internal"    // anything else: a mistake of ours
)

// KindOf returns the kind of err; nil is [OK].
func KindOf(err error) Kind {
	var unhealthy *UnhealthyError
	switch {
	case err == nil:
		return OK
	case errors.Is(err, discover.ErrInvalid):
		return Invalid
	case errors.Is(err, ErrNotFound):
		return NotFound
	case errors.As(err, &unhealthy):
		return Unhealthy
	case errors.Is(err, ErrLeaving):
		return Leaving
	case errors.Is(err, discover.ErrUnavailable), errors.Is(err, discover.ErrClosed):
		return Unavailable
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	default:
		return Internal
	}
}
