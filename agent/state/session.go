package state

import (
	"fmt"
	"slices"
	"time"
)

// Session is a client's claim to be alive, under which it may hold locks. Its
// fields and their JSON are those of Consul's /v1/session.
type Session struct {
	ID            string
	Name          string
	Node          string
	LockDelay     time.Duration
	Behavior      Behavior
	TTL           string // a duration; empty for a session that does not expire
	NodeChecks    []string
	ServiceChecks []ServiceCheck
	Checks        []string `json:",omitempty"` // what NodeChecks was once
	CreateIndex   uint64
	ModifyIndex   uint64
}

// ServiceCheck is a check of a service that a session depends on.
type ServiceCheck struct {
	ID        string
	Namespace string // always empty: namespaces are of Consul Enterprise
}

// Behavior says what becomes of the keys that a session held when it ends.
type Behavior string

// The behaviours.
const (
	ReleaseLocks Behavior = "release" // the keys stay, unlocked
	DeleteLocks  Behavior = "delete"  // the keys go
)

// MissingCheck is the error for a session that depends on a check which is
// not there or is critical.
type MissingCheck struct {
	ID       string
	Critical bool
}

func (m MissingCheck) Error() string {
	if m.Critical {
		return fmt.Sprintf("Check '%s' is in critical state", m.ID)
	}
	return fmt.Sprintf("Missing check '%s' registration", m.ID)
}

// Session returns the session with the id, or nil.
func (s *Snapshot) Session(id string) *Session {
	if id == "" {
		return nil
	}
	return s.sessions.get(id)
}

// Sessions returns all sessions, sorted by id.
func (s *Snapshot) Sessions() []*Session { return s.sessions.all() }

// SessionsOn returns the sessions of a node.
func (s *Snapshot) SessionsOn(node string) []*Session {
	return s.sessions.by(sessionsOn, folded(node))
}

// PutSession stores a copy of a new session. Its node must exist,
// [ErrUnknownNode], and the checks that it depends on must be there and not
// critical: [MissingCheck].
func (w *Writer) PutSession(session Session) error {
	if w.Node(session.Node) == nil {
		return fmt.Errorf("session %q: %w %q", session.ID, ErrUnknownNode, session.Node)
	}
	for id := range session.checks {
		switch check := w.Check(session.Node, id); {
		case check == nil:
			return MissingCheck{ID: id}
		case check.Status == Critical:
			return MissingCheck{ID: id, Critical: true}
		}
	}
	session.CreateIndex, session.ModifyIndex = w.index, w.index
	w.sessions.put(&session)
	w.touch(AllSessions)
	return nil
}

// checks yields the ids of the checks that the session depends on.
func (s *Session) checks(yield func(string) bool) {
	for _, id := range slices.Concat(s.Checks, s.NodeChecks) {
		if !yield(id) {
			return
		}
	}
	for _, check := range s.ServiceChecks {
		if !yield(check.ID) {
			return
		}
	}
}

// DeleteSession ends a session, its locks and its prepared queries. It does nothing when there is
// no such session.
func (w *Writer) DeleteSession(id string) {
	session := w.Session(id)
	if session == nil {
		return
	}
	w.sessions.remove(session)
	w.touch(AllSessions)
	w.release(session)
	w.endQueries(id)
}

// endSessions ends the sessions of a node that fits says so of.
func (w *Writer) endSessions(node string, fits func(*Session) bool) {
	for _, session := range w.SessionsOn(node) {
		if fits(session) {
			w.DeleteSession(session.ID)
		}
	}
}

// endSessionsOf ends the sessions that depend on a check which turned
// critical or is gone.
func (w *Writer) endSessionsOf(check *Check) {
	w.endSessions(check.Node, func(s *Session) bool {
		return slices.Contains(slices.Collect(s.checks), check.CheckID)
	})
}
