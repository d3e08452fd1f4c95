// Package announce registers instances of services, and keeps the registrations
// true until they leave.
//
// A [Registration], with its [HealthCheck], is what an instance says of itself.
// A [Registrar] announces it to a [Registry], such as a consul.Client; puts it
// back when it was lost or altered; reports its health; and withdraws it. [Run]
// does this around a server, so that no request fails.
//
// It never takes an id away from another living process, leaves no goroutine
// behind after Withdraw, and does not choose or call instances.
package announce

import "errors"

// Errors to test for with [errors.Is], beside those of package discover.
var (
	ErrNotRegistered = errors.New("instance is not registered")             // the registry does not know the id, or lost its check
	ErrAltered       = errors.New("registration was altered")               // by somebody else
	ErrTaken         = errors.New("instance id is taken")                   // by another living process; it comes as a *TakenError
	ErrUnwell        = errors.New("the registry finds the instance unwell") // by its first checks; the error says how
	ErrWarning       = errors.New("warning")                                // for RegistrarConfig.Health to wrap: warning, not critical
)
