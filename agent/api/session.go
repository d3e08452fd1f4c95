package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
)

// sessionRequest is the body of /v1/session/create.
type sessionRequest struct {
	Name          string
	Node          string
	LockDelay     *lockDelay
	Behavior      state.Behavior
	TTL           string
	Checks        []string // what NodeChecks was once, and may be given beside
	NodeChecks    []string
	ServiceChecks []state.ServiceCheck
}

// lockDelay is a duration as text, or as a number: of seconds below 1000, of
// nanoseconds above.
type lockDelay time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *lockDelay) UnmarshalJSON(data []byte) error {
	var parsed duration
	if err := parsed.UnmarshalJSON(data); err != nil {
		return err
	}
	*d = lockDelay(parsed)
	if data[0] != '"' && parsed < 1000 {
		*d *= lockDelay(time.Second)
	}
	return nil
}

func (a *API) sessionCreate(r *http.Request) (any, error) {
	type Alias sessionRequest // the name is in the text of errors, as in Consul's
	var request struct{ *Alias }
	request.Alias = &Alias{Checks: []string{state.AgentHealth}, NodeChecks: []string{state.AgentHealth}}
	body := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	// Unlike elsewhere, unknown fields are taken here, and no body at all is.
	if err := body.Decode(&request); err != nil && !errors.Is(err, io.EOF) {
		return nil, undecoded(r, err)
	}
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	created := state.Session{
		Name: request.Name, Node: request.Node, Behavior: request.Behavior, TTL: request.TTL,
		LockDelay: session.DefaultLockDelay, ServiceChecks: request.ServiceChecks,
	}
	created.Checks, created.NodeChecks = (*sessionRequest)(request.Alias).checks()
	if created.Node == "" {
		created.Node = a.local.Node().Node
	}
	if created.Behavior == "" {
		created.Behavior = state.ReleaseLocks
	}
	if request.LockDelay != nil {
		created.LockDelay = time.Duration(*request.LockDelay)
	}
	id, err := a.sessions.Create(created)
	var fault session.Fault
	switch {
	case errors.As(err, &fault):
		return nil, err
	case errors.Is(err, state.ErrUnknownNode):
		return nil, &failure{http.StatusInternalServerError, "apply failed: Missing node registration"}
	case err != nil:
		return nil, fmt.Errorf("apply failed: %w", err)
	}
	return struct{ ID string }{id}, nil
}

// checks returns the checks that the session depends on, under the old name
// and under the new one. Consul has rules of its own for what was given under
// one of them: an empty list under either means none.
func (r *sessionRequest) checks() (old, node []string) {
	switch {
	case len(r.Checks) == 0:
		return nil, []string{}
	case slices.Equal(r.Checks, []string{state.AgentHealth}) || len(r.NodeChecks) == 0:
		return nil, r.NodeChecks
	default:
		return r.Checks, r.NodeChecks
	}
}

func (a *API) sessionDestroy(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing session")
	if err != nil {
		return nil, err
	}
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	return true, a.sessions.Destroy(id)
}

func (a *API) sessionRenew(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing session")
	if err != nil {
		return nil, err
	}
	if _, err := a.readOptions(r); err != nil { // a write takes them too
		return nil, err
	}
	renewed := a.sessions.Renew(id)
	if renewed == nil {
		return nil, &failure{http.StatusNotFound, "Session id '" + id + "' not found"}
	}
	return []*state.Session{renewed}, nil
}

func (a *API) sessionInfo(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing session")
	if err != nil {
		return nil, err
	}
	return a.sessionsThat(r, func(s *state.Snapshot) []*state.Session {
		if found := s.Session(id); found != nil {
			return []*state.Session{found}
		}
		return nil
	})
}

func (a *API) sessionNode(r *http.Request) (any, error) {
	node, err := pathName(r, "node", "Missing node name")
	if err != nil {
		return nil, err
	}
	return a.sessionsThat(r, func(s *state.Snapshot) []*state.Session { return s.SessionsOn(node) })
}

func (a *API) sessionList(r *http.Request) (any, error) {
	return a.sessionsThat(r, func(s *state.Snapshot) []*state.Session { return s.Sessions() })
}

// sessionsThat is the question for a list of sessions.
func (a *API) sessionsThat(r *http.Request, list func(*state.Snapshot) []*state.Session) (any, error) {
	return a.told(r, state.AllSessions, func(s *state.Snapshot) (any, int, error) {
		return keep(list(s), func(*state.Session) bool { return true }), http.StatusOK, nil
	})
}
