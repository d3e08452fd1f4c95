package discover

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Fixed returns a source that knows the given instances and never changes:
// a fallback without a registry, an example and a fake. An instance without
// a status is passing. It keeps its own copy of the list.
func Fixed(instances ...Instance) Source {
	services := make(map[string]Snapshot)
	for _, instance := range instances {
		instance.Tags = append([]string{}, instance.Tags...)
		instance.Meta = copyMeta(instance.Meta)
		instance.Status = cmp.Or(instance.Status, Passing)
		s := services[instance.Service]
		s.add(instance)
		services[instance.Service] = s
	}
	for _, s := range services {
		s.sort()
	}
	return fixed(services)
}

// fixedIndex is the index of every answer of a fixed source.
const fixedIndex = 1

// fixed is the answer by service name, without index and time.
type fixed map[string]Snapshot

func (f fixed) Next(ctx context.Context, q Query, after uint64) (Snapshot, error) {
	if err := q.Validate(); err != nil {
		return Snapshot{}, err
	}
	if after == fixedIndex {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	s := f[q.Service]
	s.Index, s.Confirmed = fixedIndex, time.Now()
	return s, nil
}

// add puts an instance into the list that its status asks for.
func (s *Snapshot) add(i Instance) {
	if i.Status == Passing {
		s.Instances = append(s.Instances, i)
	} else {
		s.Unhealthy = append(s.Unhealthy, i)
	}
}

// sort puts both lists in the order that Snapshot promises.
func (s *Snapshot) sort() {
	order := func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(s.Instances, order)
	slices.SortFunc(s.Unhealthy, order)
}

// copyMeta returns a copy of meta that is never nil.
func copyMeta(meta map[string]string) map[string]string {
	c := make(map[string]string, len(meta))
	for k, v := range meta {
		c[k] = v
	}
	return c
}
