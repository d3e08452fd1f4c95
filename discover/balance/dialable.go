package balance

import (
	"slices"

	"github.com/realjf/muster/discover"
)

// Dialable returns s for those who connect: instances without a port count as
// unhealthy. It does not change s.
func Dialable(s discover.Snapshot) discover.Snapshot {
	if !slices.ContainsFunc(s.Instances, portless) {
		return s
	}
	var out []discover.Instance
	for _, i := range s.Instances {
		if portless(i) {
			i.Reason = "its having no port: register it with one"
			out = append(out, i)
		}
	}
	s.Instances = slices.DeleteFunc(slices.Clone(s.Instances), portless)
	s.Unhealthy = append(out, s.Unhealthy...)
	return s
}

// portless reports whether an instance has no port. To guess one, by the protocol,
// would reach another program.
func portless(i discover.Instance) bool { return i.Port <= 0 }
