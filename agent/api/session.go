package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
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
	Checks        []string // the old name of NodeChecks
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
	request.Alias = &Alias{}
	body := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	// Unlike elsewhere, unknown fields are taken here, and no body at all is.
	if err := body.Decode(&request); err != nil && !errors.Is(err, io.EOF) {
		return nil, badRequest("Request decode failed: " + err.Error())
	}
	created := state.Session{
		Name: request.Name, Node: request.Node, Behavior: request.Behavior, TTL: request.TTL,
		LockDelay: session.DefaultLockDelay, NodeChecks: request.NodeChecks, ServiceChecks: request.ServiceChecks,
	}
	if created.Node == "" {
		created.Node = a.local.Node().Node
	}
	if created.Behavior == "" {
		created.Behavior = state.ReleaseLocks
	}
	if request.LockDelay != nil {
		created.LockDelay = time.Duration(*request.LockDelay)
	}
	if created.NodeChecks == nil {
		created.NodeChecks = request.Checks
	}
	if created.NodeChecks == nil && len(created.ServiceChecks) == 0 {
		created.NodeChecks = []string{"serfHealth"}
	}
	id, err := a.sessions.Create(created)
	var fault session.Fault
	switch {
	case errors.As(err, &fault):
		return nil, err
	case errors.Is(err, state.ErrUnknownNode):
		return nil, &failure{http.StatusInternalServerError, "apply failed: Missing node registration"}
	case err != nil:
		return nil, &failure{http.StatusInternalServerError, "apply failed: " + err.Error()}
	}
	return struct{ ID string }{id}, nil
}

func (a *API) sessionDestroy(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing session")
	if err != nil {
		return nil, err
	}
	return true, a.sessions.Destroy(id)
}

func (a *API) sessionRenew(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing session")
	if err != nil {
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
