// Package valid says what names and texts a registry can take: the one rule that
// questions, registrations and requests share. It is pure.
package valid

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrInvalid is discover.ErrInvalid, which all errors of this package wrap.
var ErrInvalid = errors.New("invalid")

// Name refuses what cannot name a service or an instance, by the kind that it
// is called. It also refuses what would lead out of its place in the path of a
// URL, where names and ids go: "../kv" must stay a question about a service.
func Name(kind, name string) error {
	if name == "" {
		return fmt.Errorf("%w %s: it is empty", ErrInvalid, kind)
	}
	if err := Text(kind, name); err != nil {
		return err
	}
	if path.Clean("/"+name) != "/"+name {
		return fmt.Errorf("%w %s %.200q: it must not start or end with a slash nor hold //, . or .. as a path does", ErrInvalid, kind, name)
	}
	return nil
}

// Text refuses what no text is. No error tells more than 200 characters again:
// a stranger may have sent any number.
func Text(kind, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%w %s %.200q: it holds control characters or is not UTF-8", ErrInvalid, kind, text)
	}
	return nil
}
