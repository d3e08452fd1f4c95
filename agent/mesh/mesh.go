// Package mesh has the nouns of a service mesh and their rules: how a proxy is
// set up, and what is configured for the proxies of a whole datacenter.
// Everything here is a value with rules of its own; what is stored, who asks,
// and which way requests take is for others to know.
//
// The names of types and fields are those of Consul's API, and not only for
// readers: hashes are computed over them, and clients compare them.
package mesh

import (
	"fmt"
	"strings"
)

// wildcard stands for every service.
const wildcard = "*"

// faults is everything that is wrong with something, as Consul lists it.
type faults []error

func (f faults) Error() string {
	var text strings.Builder
	if len(f) == 1 {
		text.WriteString("1 error occurred:")
	} else {
		fmt.Fprintf(&text, "%d errors occurred:", len(f))
	}
	for _, fault := range f {
		text.WriteString("\n\t* " + fault.Error())
	}
	return text.String() + "\n\n"
}

// add notes a fault, or each of a list of faults; nil is none.
func (f *faults) add(err error) {
	switch err := err.(type) {
	case nil:
	case faults:
		*f = append(*f, err...)
	default:
		*f = append(*f, err)
	}
}

// addf notes a fault.
func (f *faults) addf(format string, args ...any) { f.add(fmt.Errorf(format, args...)) }

// err returns the faults as an error, or nil when there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
