package state

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Query is a prepared query: a question for the instances of a service, kept
// under an id and perhaps a name. Its fields and their JSON are those of
// Consul's /v1/query, and the names of its parts those of Consul's client:
// they are in the text of errors about a body.
type Query struct {
	ID       string
	Name     string // unique without regard to case; may be empty
	Session  string // with whose end the query goes; empty for none
	Token    string
	Template QueryTemplateOptions
	Service  ServiceQuery
	DNS      QueryDNSOptions

	CreateIndex uint64
	ModifyIndex uint64
}

// QueryTemplateOptions says that a query answers for many names, and how. It is one
// when it has a type.
type QueryTemplateOptions struct {
	Type            string // [PrefixTemplate], the only one there is
	Regexp          string // takes the name apart, for ${match(N)}
	RemoveEmptyTags bool
}

// ServiceQuery says which instances of which service are looked for. In a
// template its texts are filled in for the name that is asked for.
type ServiceQuery struct {
	Service        string
	SamenessGroup  string // always empty: sameness groups are of Consul Enterprise
	Failover       QueryFailoverOptions
	OnlyPassing    bool // else those with a warning fit too
	IgnoreCheckIDs []string
	Near           string   // a node, "_agent" or "_ip"; empty for no order
	Tags           []string // all of them, and none of those after a "!"
	NodeMeta       map[string]string
	ServiceMeta    map[string]string
	Connect        bool // those through which the service is reached in the mesh
	Peer           string
}

// QueryFailoverOptions says where to look when no instance fits here.
type QueryFailoverOptions struct {
	NearestN    int
	Datacenters []string
	Targets     []QueryFailoverTarget
}

// QueryFailoverTarget is one place to look.
type QueryFailoverTarget struct {
	Peer       string
	Datacenter string
}

// QueryDNSOptions says how an answer is given over DNS.
type QueryDNSOptions struct {
	TTL string // a duration; empty for the agent's own
}

// IsTemplate reports whether the query answers for many names.
func (q *Query) IsTemplate() bool { return q.Template.Type != "" }

// same reports whether q and o say the same, whenever they were said.
func (q *Query) same(o *Query) bool {
	a, b := *q, *o
	a.CreateIndex, a.ModifyIndex = b.CreateIndex, b.ModifyIndex
	return reflect.DeepEqual(a, b)
}

// ErrCatchAll reports a second template for every name. Its text is Consul's.
var ErrCatchAll = errors.New("a query template with an empty name already exists")

// QueryNameTaken is the error for a query whose name would mean another. Its
// text is Consul's.
type QueryNameTaken struct {
	Name string
	ByID bool // it is another's id
}

func (q QueryNameTaken) Error() string {
	if q.ByID {
		return fmt.Sprintf("name '%s' aliases an existing query ID", q.Name)
	}
	return fmt.Sprintf("name '%s' aliases an existing query name", q.Name)
}

// Query returns the query with the id, or nil.
func (s *Snapshot) Query(id string) *Query {
	if id == "" {
		return nil
	}
	return s.queries.get(exact(id))
}

// Queries returns all queries, sorted by id.
func (s *Snapshot) Queries() []*Query { return s.queries.all() }

// QueryNamed returns the query with the name, template or not; nil when there
// is none, and for no name.
func (s *Snapshot) QueryNamed(name string) *Query {
	if found := s.queries.by(queriesByName, folded(name)); name != "" && len(found) > 0 {
		return found[0]
	}
	return nil
}

// PrefixTemplate is the type of the templates that answer for every name which
// begins with theirs.
const PrefixTemplate = "name_prefix_match"

// QueryFor returns the template with the longest name that the name begins
// with, without regard to case; nil when there is none.
func (s *Snapshot) QueryFor(name string) *Query {
	name = strings.ToLower(name)
	for end := len(name); end >= 0; end-- {
		if found := s.queries.by(queriesFor, folded(PrefixTemplate, name[:end])); len(found) > 0 {
			return found[0]
		}
	}
	return nil
}

// PutQuery stores a copy of q, whose id must be set. Its session must exist,
// [InvalidSession], and its name must be its own: [QueryNameTaken],
// [ErrCatchAll]. It does nothing when the query is already so.
func (w *Writer) PutQuery(q Query) error {
	old := w.Query(q.ID)
	if other := w.QueryNamed(q.Name); other != nil && other.ID != q.ID {
		return QueryNameTaken{Name: q.Name}
	}
	if q.Name == "" && q.IsTemplate() {
		if other := w.QueryFor(""); other != nil && other.ID != q.ID {
			return ErrCatchAll
		}
	}
	if w.Query(q.Name) != nil {
		return QueryNameTaken{Name: q.Name, ByID: true}
	}
	if q.Session != "" && w.Session(q.Session) == nil {
		return InvalidSession(q.Session)
	}
	q.CreateIndex, q.ModifyIndex = w.index, w.index
	if old != nil {
		if old.same(&q) {
			return nil
		}
		q.CreateIndex = old.CreateIndex
	}
	w.queries.put(&q)
	w.touch(AllQueries)
	return nil
}

// DeleteQuery removes a query. It does nothing when there is no such query.
func (w *Writer) DeleteQuery(id string) {
	if old := w.Query(id); old != nil {
		w.queries.remove(old)
		w.touch(AllQueries)
	}
}

// endQueries removes the queries of a session that is no more.
func (w *Writer) endQueries(session string) {
	for _, q := range w.queries.by(queriesBySession, exact(session)) {
		w.DeleteQuery(q.ID)
	}
}
