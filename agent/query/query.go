// Package query is what prepared queries mean: whether a definition can be,
// which query a name stands for, what a template becomes for a name, and which
// instances a query chooses. Whoever is asked, over HTTP or another way, finds
// a query with [Find] and asks it with [Run].
//
// It is rules over a snapshot of the state: it keeps nothing, writes nothing,
// and knows no other datacenter than its own.
// https://developer.hashicorp.com/consul/api-docs/query
package query

import "github.com/realjf/muster/agent/state"

// ErrNotFound reports an id or name that stands for no query. Its text is
// Consul's.
var ErrNotFound error = Fault("Query not found")

// ErrTemplateByID reports a template that is asked for by its id: it would not
// know for which name. Its text is Consul's.
var ErrTemplateByID error = Fault("prepared query templates can only be resolved up by name, not by ID")

// Find returns the query that an id or a name stands for: the one with the id,
// the one with the name, or the template with the longest name that the name
// begins with. A template is filled in for the name. The error is
// [ErrNotFound], [ErrTemplateByID], or says why a template cannot be filled in.
func Find(s *state.Snapshot, idOrName string) (*state.Query, error) {
	if q := s.Query(idOrName); q != nil {
		if q.IsTemplate() {
			return nil, ErrTemplateByID
		}
		return q, nil
	}
	q := s.QueryNamed(idOrName)
	if q == nil {
		q = s.QueryFor(idOrName)
	}
	switch {
	case q == nil || idOrName == "":
		return nil, ErrNotFound
	case q.IsTemplate():
		return fill(q, idOrName)
	default:
		return q, nil
	}
}
