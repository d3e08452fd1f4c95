package balance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// named are the policies that choose, by the names that settings give them.
var named = map[string]func() Policy{
	"consistent_hash": func() Policy { return ConsistentHash(HashConfig{}) },
	"least_request":   LeastRequest,
	"peak_ewma":       PeakEWMA,
	"random":          Random,
	"round_robin":     RoundRobin,
}

// Named returns the policy of a name, with its usual settings: "round_robin",
// "random", "least_request", "peak_ewma" or "consistent_hash". The error says
// which names there are.
func Named(name string) (Policy, error) {
	policy, ok := named[name]
	if !ok {
		return nil, fmt.Errorf("balancing policy %q is not known; there are %s", name, strings.Join(slices.Sorted(maps.Keys(named)), ", "))
	}
	return policy(), nil
}
