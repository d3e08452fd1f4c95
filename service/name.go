package service

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the longest service name in bytes: a longer one would not fit
// into a DNS name, so no client could ask for it in every way.
const maxName = 255

// CheckName returns an [ErrInvalidName] that says what is wrong with the name
// of a service, or nil. It is the one rule for names that are announced and
// for names that are asked for.
func CheckName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidName)
	case len(name) > maxName:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrInvalidName, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not valid UTF-8", ErrInvalidName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%w: %q contains a control character", ErrInvalidName, name)
	case name == "." || name == ".." || strings.Contains(name, "/"):
		// A registry is asked with the name in a URL's path, where these
		// would lead to another endpoint.
		return fmt.Errorf("%w: %q would be read as a path", ErrInvalidName, name)
	}
	return nil
}
