package state

import (
	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// entries is the table of the key/value store. It is a radix tree, where each
// node has a channel that is closed when anything below it changes: people
// wait for keys and for prefixes that nobody named before.
type entries struct {
	tree   *iradix.Tree[*Entry]
	change *iradix.Txn[*Entry] // what this table changes; nil for nothing yet
	locked table[Entry]        // those with a session, by it
	diary                      // of what changes
}

func newEntries() entries {
	return entries{
		tree:   iradix.New[*Entry](),
		locked: newTable(func(e *Entry) string { return exact(e.Session, e.Key) }),
	}
}

// fork implements kind.
func (e *entries) fork(d diary) {
	e.change, e.diary = nil, d
	e.locked.fork(diary{}) // it follows from the entries
}

// claim returns the change of the table.
func (e *entries) claim() *iradix.Txn[*Entry] {
	if e.change == nil {
		e.change = e.tree.Txn()
		e.change.TrackMutate(true)
	}
	return e.change
}

// settle ends the changes. The function that it returns wakes who waits for
// them, once others can see them.
func (e *entries) settle() (wake func()) {
	if e.change == nil {
		return func() {}
	}
	wake = e.change.Notify
	e.tree, e.change = e.change.CommitOnly(), nil
	return wake
}

// root is where reading begins.
func (e *entries) root() *iradix.Node[*Entry] {
	if e.change != nil {
		return e.change.Root()
	}
	return e.tree.Root()
}

// watch returns the entry of a key, or nil, and a channel that is closed when
// it changes.
func (e *entries) watch(key string) (*Entry, <-chan struct{}) {
	changed, entry, _ := e.root().GetWatch([]byte(key))
	return entry, changed
}

// below returns the entries whose keys have the prefix, in order, and a
// channel that is closed when they change.
func (e *entries) below(prefix string) ([]*Entry, <-chan struct{}) {
	rows := e.root().Iterator()
	changed := rows.SeekPrefixWatch([]byte(prefix))
	var found []*Entry
	for _, entry, ok := rows.Next(); ok; _, entry, ok = rows.Next() {
		found = append(found, entry)
	}
	return found, changed
}

// lockedBy returns the entries whose lock a session holds.
func (e *entries) lockedBy(session string) []*Entry { return e.locked.below(exact(session)) }

// every implements kind.
func (e *entries) every(yield func(any) bool) {
	e.root().Walk(func(_ []byte, entry *Entry) bool { return !yield(entry) })
}

// blank implements kind.
func (e *entries) blank() any { return &Entry{} }

// add implements kind.
func (e *entries) add(row any) (isNew bool) {
	entry := row.(*Entry)
	if _, taken := e.root().Get([]byte(entry.Key)); taken {
		return false
	}
	e.put(entry)
	return true
}

// set implements kind.
func (e *entries) set(row any) { e.put(row.(*Entry)) }

// unset implements kind.
func (e *entries) unset(row any) (was bool) {
	old, was := e.root().Get([]byte(row.(*Entry).Key))
	if was {
		e.remove(old)
	}
	return was
}

// put stores entry in place of the one with its key.
func (e *entries) put(entry *Entry) {
	e.note(entry, false)
	old, replaced := e.claim().Insert([]byte(entry.Key), entry)
	if replaced && old.Session != "" {
		e.locked.remove(old)
	}
	if entry.Session != "" {
		e.locked.put(entry)
	}
}

// remove takes entry out.
func (e *entries) remove(entry *Entry) {
	e.note(entry, true)
	e.claim().Delete([]byte(entry.Key))
	if entry.Session != "" {
		e.locked.remove(entry)
	}
}
