package state

import (
	"strings"
	"unicode"
)

// sameName reports whether two node or service names mean the same.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// Printable reports whether a name holds nothing that no terminal and no log
// should see. Consul's paths may hold no other, so what had another could be
// stored and never be asked for.
func Printable(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
