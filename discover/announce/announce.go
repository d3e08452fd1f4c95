// Package announce keeps true what an instance tells a registry of itself.
//
// What an instance says of itself is a [Registration], with a [HealthCheck], and
// a [Registry] takes it; package discover/consul has the one that speaks Consul's
// API. A [Registrar] announces an instance, puts its registration back when the
// registry lost it or somebody altered it, tells how its health is, and
// withdraws it. [Run] serves, announces and leaves so that no request fails:
// listen, be ready, announce; and at the end withdraw, wait until those who
// follow the service can know, let open requests end, close. [PlaceFor] says
// where to listen and what to announce.
//
// The package leaves no goroutine behind after Withdraw, and it never takes an
// id away from another process that lives.
package announce

import "errors"

// Errors that a caller can decide on, for use with [errors.Is], beside those of
// package discover.
var (
	// ErrNotRegistered reports that the registry does not know an instance id.
	ErrNotRegistered = errors.New("instance is not registered")
	// ErrAltered reports that somebody else changed a registration.
	ErrAltered = errors.New("registration was altered")
	// ErrTaken reports that another living process announces itself under
	// the same id. It comes as a *TakenError, which says who.
	ErrTaken = errors.New("instance id is taken")
	// ErrUnwell reports that the registry's first checks of an instance
	// failed. The error that wraps it says how, and why that may be.
	ErrUnwell = errors.New("the registry finds the instance unwell")
	// ErrWarning makes the error of a health function that wraps it a
	// warning: the instance is reported as warning rather than critical.
	ErrWarning = errors.New("warning")
)
