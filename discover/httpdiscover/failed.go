package httpdiscover

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"github.com/realjf/muster/discover/balance"
)

// failed is the error of a request with the instance that its last attempt went
// to, for the URL names the service only.
type failed struct {
	service string
	target  *balance.Target
	err     error
}

// failedAt returns err as that of an attempt at target.
func failedAt(service string, target *balance.Target, err error) error {
	// http.Client says so, for the sake of who reads it, of an error that nobody
	// surrounds.
	var header tls.RecordHeaderError
	if errors.As(err, &header) && string(header.RecordHeader[:]) == "HTTP/" {
		err = http.ErrSchemeMismatch
	}
	return &failed{service, target, err}
}

// Error implements error.
func (f *failed) Error() string {
	return fmt.Sprintf("service %q, instance %q at %s: %v", f.service, f.target.ID, f.target.HostPort(), f.err)
}

// Unwrap is for [errors.Is] and [errors.As].
func (f *failed) Unwrap() error { return f.err }

// Timeout implements [net.Error]: url.Error asks for it the outermost error only.
func (f *failed) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(f.err, &timeout) && timeout.Timeout()
}

// Temporary implements [net.Error].
func (f *failed) Temporary() bool {
	var temporary interface{ Temporary() bool }
	return errors.As(f.err, &temporary) && temporary.Temporary()
}
