package state

import "strings"

// Counts says how much a store holds.
type Counts struct {
	Nodes, Services, Instances, Checks, Keys, Sessions int
}

// Counts counts everything. It looks at all there is.
func (s *Snapshot) Counts() Counts {
	entries, _, _ := s.Entries("")
	names := map[string]bool{}
	instances := s.Services()
	for _, svc := range instances {
		names[strings.ToLower(svc.Service)] = true
	}
	return Counts{
		Nodes: len(s.Nodes()), Services: len(names), Instances: len(instances), Checks: len(s.ChecksIn(AnyStatus)),
		Keys: len(entries), Sessions: len(s.Sessions()),
	}
}
