package api

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/realjf/muster/agent/query"
	"github.com/realjf/muster/agent/state"
)

// queryList lists all prepared queries.
func (a *API) queryList(r *http.Request) (any, error) {
	return a.catalog(r, state.AllQueries, func(s *state.Snapshot) (any, error) {
		return keep(s.Queries(), func(*state.Query) bool { return true }), nil
	})
}

// queryGet answers for everything below /v1/query/: names may hold slashes, so
// that only the end of the path tells what is asked.
func (a *API) queryGet(r *http.Request) (any, error) {
	switch id, verb := queryPath(r); verb {
	case "execute":
		return a.queryExecute(r, id)
	case "explain":
		return a.queryExplain(r, id)
	default:
		return a.catalog(r, state.AllQueries, func(s *state.Snapshot) (any, error) {
			found, err := existing(s, id)
			return []*state.Query{found}, err
		})
	}
}

// queryPath takes apart a path below /v1/query/: the id or name of a query,
// and what is asked of it, empty for the query itself.
func queryPath(r *http.Request) (id, verb string) {
	id = r.PathValue("id")
	for _, verb := range []string{"execute", "explain"} {
		if id == verb {
			return id, verb
		}
		if name, ok := strings.CutSuffix(id, "/"+verb); ok {
			return name, verb
		}
	}
	return id, ""
}

// existing returns the query with the id, or a 404.
func existing(s *state.Snapshot, id string) (*state.Query, error) {
	if err := query.CheckID(id); err != nil {
		return nil, err
	}
	found := s.Query(id)
	if found == nil {
		return nil, query.ErrNotFound
	}
	return found, nil
}

func (a *API) queryCreate(r *http.Request) (any, error) {
	definition, err := decodeQuery(r)
	if err != nil {
		return nil, err
	}
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	if definition.ID != "" {
		return nil, &failure{http.StatusInternalServerError, "ID must be empty when creating a new prepared query"}
	}
	if err := validateQuery(&definition); err != nil {
		return nil, err
	}
	definition.ID = uuid.NewString()
	err = a.store.Write(func(w *state.Writer) error { return putQuery(w, definition) })
	return struct{ ID string }{definition.ID}, err
}

// queryUpdate puts another definition in place of a query's. Without a body it
// is an empty one.
func (a *API) queryUpdate(r *http.Request) (any, error) {
	definition := state.Query{}
	if r.ContentLength != 0 {
		var err error
		if definition, err = decodeQuery(r); err != nil {
			return nil, err
		}
	}
	fault := validateQuery(&definition) // which takes too long for a write, and is told after it
	return a.modify(r, func(w *state.Writer, id string) error {
		if fault != nil {
			return fault
		}
		definition.ID = id
		return putQuery(w, definition)
	})
}

func (a *API) queryDelete(r *http.Request) (any, error) {
	return a.modify(r, func(w *state.Writer, id string) error {
		w.DeleteQuery(id)
		return nil
	})
}

// modify changes the query in the path, which must exist.
func (a *API) modify(r *http.Request, change func(w *state.Writer, id string) error) (any, error) {
	id, verb := queryPath(r)
	if verb != "" {
		return &reply{
			status: http.StatusMethodNotAllowed,
			header: http.Header{"Allow": {http.MethodGet}, "Content-Type": {"text/plain; charset=utf-8"}},
			text:   textOf([]byte("method " + r.Method + " not allowed")),
		}, nil
	}
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	if err := query.CheckID(id); err != nil {
		return nil, refused("Prepared Query lookup failed: ", err)
	}
	return nil, a.store.Write(func(w *state.Writer) error {
		if w.Query(id) == nil {
			return &failure{http.StatusInternalServerError, "Cannot modify non-existent prepared query: '" + id + "'"}
		}
		return change(w, id)
	})
}

// decodeQuery reads the definition of a query.
func decodeQuery(r *http.Request) (state.Query, error) {
	type PreparedQuery state.Query // the name is in the text of errors, as in Consul's
	var definition PreparedQuery
	err := decode(r, &definition)
	return state.Query(definition), err
}

// refused is an error under the words with which Consul begins it.
func refused(words string, err error) error {
	return &failure{http.StatusInternalServerError, words + err.Error()}
}

// validateQuery returns why a definition cannot be, whatever there is already.
func validateQuery(definition *state.Query) error {
	if err := query.Validate(definition); err != nil {
		return refused("Invalid prepared query: ", err)
	}
	if err := query.ValidateTemplate(definition); err != nil {
		return refused("raft apply failed: failed compiling template: ", err)
	}
	return nil
}

// putQuery stores a definition that has been validated.
func putQuery(w *state.Writer, definition state.Query) error {
	if err := w.PutQuery(definition); err != nil {
		return refused("raft apply failed: ", err)
	}
	return nil
}
