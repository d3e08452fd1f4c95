package balance

import (
	"slices"

	"github.com/realjf/muster/discover"
)

// Dialable returns s as it is to who connects to instances: those without a port
// are out, for that reason. To guess one, by the protocol, would reach another
// program. It changes nothing of s.
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

func portless(i discover.Instance) bool { return i.Port <= 0 }
