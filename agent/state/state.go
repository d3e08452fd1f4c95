// Package state holds what a registry knows: nodes, the services on them and
// their checks, with the index at which each last changed.
//
// A [Store] is read through a [Snapshot], which never changes, and written
// through [Store.Write], whose function sees its own changes and is applied
// whole or not at all. Whoever wants to hear of changes names a [Topic].
//
// What comes out of the package is shared and must not be changed: copy, then
// write. It keeps everything in memory, judges nothing (it does not know
// whether a check is right, only what was said of it), and does no I/O.
package state

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// ErrUnknownNode reports a service or check for a node that is not there.
var ErrUnknownNode = errors.New("unknown node")

// UnknownService is the error for a check of a service that is not on its
// node. Its text is Consul's.
type UnknownService struct{ Service, Check string }

func (u UnknownService) Error() string {
	return fmt.Sprintf("Unknown service ID '%s' for check ID '%s'", u.Service, u.Check)
}

// Store is the state of one registry. It is safe for concurrent use: any
// number of snapshots may be read while one write goes on.
type Store struct {
	now    atomic.Pointer[tables] // what is known; never changed, only replaced
	topics *topics

	commits commits
	keeper  Keeper     // nil for a store that lives in memory alone
	index   uint64     // the last write's; belongs to the commit that goes on
	graves  int        // tombstones there are; likewise
	text    commitText // the last commit, for its keeper; likewise
}

// New returns an empty store. Its first index is the number of microseconds
// since 1970: a registry that forgot everything in a restart goes on above
// every index it ever gave out, so no client is left waiting for an index
// that will not come (Consul restarts at 1 and leaves them blind).
func New() *Store {
	began := uint64(time.Now().UnixMicro())
	s := &Store{topics: newTopics(began), index: began}
	empty := newTables()
	empty.index, empty.began = began, began
	s.now.Store(empty)
	return s
}

// Look returns the state as it is now, when what t covers last changed in it,
// and a channel that is closed when it changes after. The index is at least 1
// and never falls; the channel may also be closed, seldom, when t did not
// change. It costs no goroutine and needs no cleaning up.
func (s *Store) Look(t Topic) (snapshot *Snapshot, index uint64, changed <-chan struct{}) {
	index, changed = s.topics.watch(t)
	return s.Snapshot(), index, changed
}

// Index returns when what t covers last changed. An answer that is made from a
// snapshot taken after it holds for as long as the index stays.
func (s *Store) Index(t Topic) uint64 { return s.topics.index(t) }

// Snapshot returns the state as it is now. It costs next to nothing and may
// be kept as long as it is useful.
func (s *Store) Snapshot() *Snapshot {
	changed, forgotten := s.topics.index(Topic{kind: keys}), s.topics.index(Topic{kind: tombstones})
	return &Snapshot{tables: s.now.Load(), keys: changed, forgotten: forgotten}
}
