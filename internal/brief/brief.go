// Package brief tells again what somebody else said without being as long as
// they please: in an error, in a log, in an answer.
package brief

import (
	"fmt"
	"strings"
)

// Text returns text as it is if it has at most so many bytes, and else what is UTF-8
// of its beginning, with how long all of it was. A character is never cut in two.
func Text(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + fmt.Sprintf("... (%d bytes)", len(text))
}
