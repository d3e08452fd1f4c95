package discover

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// Fixed returns a source of these instances, which never change; it copies
// them. A missing Status is Passing, missing Weights are 1 and 1. A query with
// a Filter is invalid; Near, Failover and Consistency are ignored.
func Fixed(instances ...Instance) Source {
	f := make(fixed, len(instances))
	for n, instance := range instances {
		instance.Tags = append([]string{}, instance.Tags...)
		instance.Meta = copyMeta(instance.Meta)
		instance.Status = cmp.Or(instance.Status, Passing)
		instance.Weights = cmp.Or(instance.Weights, Weights{Passing: 1, Warning: 1})
		f[n] = instance
	}
	return f
}

// fixedIndex is the index of every answer of a fixed source.
const fixedIndex = 1

// fixed are all instances that there are.
type fixed []Instance

func (f fixed) Next(ctx context.Context, q Query, after uint64) (Snapshot, error) {
	if err := q.Validate(); err != nil {
		return Snapshot{}, err
	}
	if q.Filter != "" {
		return Snapshot{}, fmt.Errorf("%w filter %q: this source has no language of filters", ErrInvalid, q.Filter)
	}
	if after == fixedIndex {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return Snapshot{}, err
	}
	q.Near = "" // is not known here
	s := NewSnapshot(q, filter(f, q.asks))
	s.Index, s.Confirmed = fixedIndex, time.Now()
	return s, nil
}

// copyMeta returns a copy of meta that is never nil.
func copyMeta(meta map[string]string) map[string]string {
	c := make(map[string]string, len(meta))
	for k, v := range meta {
		c[k] = v
	}
	return c
}
