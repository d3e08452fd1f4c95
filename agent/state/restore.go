package state

import "time"

// Restore puts a saved state in place of what there is, and then makes one
// more change, all at the same moment: nobody sees one without the other, and
// when the change returns an error everything stays as it is.
//
// Rows keep the indexes that they were saved with. The indexes of answers do
// not: they are above all that the store ever gave out, whether or not the
// answer is another, and all who wait look again. Locks that are not held any
// more as they were may not be taken for their sessions' lock-delay.
func (s *Store) Restore(saved *Saved, then func(*Writer) error) error {
	return s.Try(func(w *Writer) error {
		w.adopt(saved.tables)
		return then(w)
	})
}

// adopt puts other tables in place of the writer's.
func (w *Writer) adopt(saved *tables) {
	delays := w.lockDelays.all()
	lost := map[string]time.Duration{}
	for _, held := range w.entries.locked.all() {
		now, _ := saved.entries.watch(held.Key)
		session := w.Session(held.Session)
		if session != nil && session.LockDelay > 0 && (now == nil || now.Session != held.Session) {
			lost[held.Key] = session.LockDelay
		}
	}
	// Who waits for a key waits at a place in the tree that there is: it must
	// change, and cannot be replaced.
	entries := w.entries
	for entry := range w.tables.entries.every {
		entries.remove(entry.(*Entry))
	}
	for entry := range saved.entries.every {
		entries.put(entry.(*Entry))
	}
	w.tables = saved.fork(nil) // the whole state is kept anew
	w.entries = entries
	for _, d := range delays {
		w.lockDelays.put(d)
	}
	for key, d := range lost {
		w.delay(key, d)
	}
	w.index = max(w.index, saved.index+1)
	w.began = w.index
	w.graves = w.tombstones.rows.Len()
	w.restored = true
	w.touch(Everything)
}
