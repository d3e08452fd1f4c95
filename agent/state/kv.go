package state

import (
	"bytes"
	"errors"
	"fmt"
)

// Entry is a key of the key/value store with its value. Its fields and their
// JSON are those of Consul's /v1/kv.
type Entry struct {
	LockIndex   uint64 // how often the key was newly locked
	Key         string
	Flags       uint64 // a number that means something to clients
	Value       []byte
	Session     string `json:",omitempty"` // the holder of the lock
	CreateIndex uint64
	ModifyIndex uint64
}

// savedAs implements savedAs.
func (e *Entry) savedAs() any {
	return &struct {
		Key *rawText
		*Entry
	}{(*rawText)(&e.Key), e}
}

// tombstone remembers that keys below a prefix are gone, so that the index of
// a list does not fall with them.
type tombstone struct {
	Key   string
	Index uint64
}

// savedAs implements savedAs.
func (t *tombstone) savedAs() any {
	return &struct {
		Key   *rawText
		Index *uint64
	}{(*rawText)(&t.Key), &t.Index}
}

// maxTombstones bounds what is remembered of deleted keys. When there are more,
// all are forgotten at once, and every list counts as changed then.
const maxTombstones = 10_000

// InvalidSession is the error for a lock that is asked for with a session that
// does not exist.
type InvalidSession string

func (id InvalidSession) Error() string { return fmt.Sprintf("invalid session %q", string(id)) }

// ErrNoSession reports a lock operation that names no session.
var ErrNoSession = errors.New("missing session")

// Entry returns the entry of a key, or nil, the index of that answer, and a
// channel that is closed when it changes.
func (s *Snapshot) Entry(key string) (*Entry, uint64, <-chan struct{}) {
	entry, changed := s.entries.watch(key)
	if entry != nil {
		return entry, max(entry.ModifyIndex, s.began), changed
	}
	return nil, s.keys, changed
}

// Entries returns the entries whose keys have the prefix, sorted by key, the
// index of that answer, and a channel that is closed when it changes. The
// index of an empty answer is that of the last change of any key.
func (s *Snapshot) Entries(prefix string) ([]*Entry, uint64, <-chan struct{}) {
	entries, changed := s.entries.below(prefix)
	index := max(s.forgotten, s.began)
	for _, entry := range entries {
		index = max(index, entry.ModifyIndex)
	}
	for _, gone := range s.tombstones.below(prefix) {
		index = max(index, gone.Index)
	}
	if len(entries) == 0 {
		index = s.keys
	}
	return entries, index, changed
}

// Put sets the value and the flags of a key, whoever holds its lock. It
// changes nothing when they are already so. Like Consul it counts the locks of
// the key from 0 again: a holder that fences by LockIndex writes with Lock.
func (w *Writer) Put(key string, value []byte, flags uint64) *Entry {
	next := Entry{Key: key, Value: value, Flags: flags}
	if old := w.entry(key); old != nil {
		next.Session = old.Session
	}
	return w.put(next)
}

// PutIf is Put under the condition that the key is still at the index, or
// with index 0 that there is none. It reports whether it was.
func (w *Writer) PutIf(key string, value []byte, flags, index uint64) (*Entry, bool) {
	if old := w.entry(key); (old == nil) != (index == 0) || old != nil && old.ModifyIndex != index {
		return nil, false
	}
	return w.Put(key, value, flags), true
}

// Lock is Put under the lock of the key, which it takes for the session if it
// is free. It reports whether the session holds the lock. The error is
// [InvalidSession] or [ErrNoSession].
func (w *Writer) Lock(key string, value []byte, flags uint64, session string) (*Entry, bool, error) {
	if session == "" {
		return nil, false, ErrNoSession
	}
	if w.Session(session) == nil {
		return nil, false, InvalidSession(session)
	}
	next := Entry{Key: key, Value: value, Flags: flags, Session: session, LockIndex: 1}
	if old := w.entry(key); old != nil {
		switch old.Session {
		case session:
			next.LockIndex = old.LockIndex
		case "":
			next.LockIndex = old.LockIndex + 1
		default:
			return nil, false, nil
		}
	}
	return w.put(next), true, nil
}

// Unlock is Put that gives the lock of the key back. It reports whether the
// session held it. The error is [ErrNoSession].
func (w *Writer) Unlock(key string, value []byte, flags uint64, session string) (*Entry, bool, error) {
	if session == "" {
		return nil, false, ErrNoSession
	}
	old := w.entry(key)
	if old == nil || old.Session != session {
		return nil, false, nil
	}
	return w.put(Entry{Key: key, Value: value, Flags: flags, LockIndex: old.LockIndex}), true, nil
}

// Delete removes a key, whoever holds its lock. It does nothing when there is
// none.
func (w *Writer) Delete(key string) {
	old := w.entry(key)
	if old == nil {
		return
	}
	w.entries.remove(old)
	w.bury(key)
}

// DeleteIf is Delete under the condition that the key is still at the index.
// It reports whether there is no such key any more.
func (w *Writer) DeleteIf(key string, index uint64) bool {
	if old := w.entry(key); old != nil {
		if old.ModifyIndex != index {
			return false
		}
		w.Delete(key)
	}
	return true
}

// DeleteTree removes every key with the prefix.
func (w *Writer) DeleteTree(prefix string) {
	entries, _, _ := w.Entries(prefix)
	for _, entry := range entries {
		w.entries.remove(entry)
	}
	if len(entries) > 0 {
		w.bury(prefix)
	}
}

func (s *Snapshot) entry(key string) *Entry {
	entry, _ := s.entries.root().Get([]byte(key))
	return entry
}

// put stores next unless it says what is there already.
func (w *Writer) put(next Entry) *Entry {
	next.CreateIndex, next.ModifyIndex = w.index, w.index
	if old := w.entry(next.Key); old != nil {
		if old.LockIndex == next.LockIndex && old.Flags == next.Flags && old.Session == next.Session &&
			bytes.Equal(old.Value, next.Value) {
			return old
		}
		next.CreateIndex = old.CreateIndex
	}
	w.entries.put(&next)
	w.touch(Topic{kind: keys})
	return &next
}

// bury notes that a key, or all below a prefix, is gone.
func (w *Writer) bury(key string) {
	w.touch(Topic{kind: keys})
	w.graves++
	if w.graves > maxTombstones {
		for _, grave := range w.tombstones.all() {
			w.tombstones.remove(grave)
		}
		w.graves = 0
		w.touch(Topic{kind: tombstones})
		return
	}
	w.tombstones.put(&tombstone{Key: key, Index: w.index})
}

// release ends the locks of a session that is no more, each as the session's
// behaviour says, and keeps the keys from being locked again for its delay.
func (w *Writer) release(session *Session) {
	for _, held := range w.entries.lockedBy(session.ID) {
		if session.Behavior == DeleteLocks {
			w.Delete(held.Key)
		} else {
			w.put(Entry{Key: held.Key, Value: held.Value, Flags: held.Flags, LockIndex: held.LockIndex})
		}
		if session.LockDelay > 0 {
			w.delay(held.Key, session.LockDelay)
		}
	}
}
