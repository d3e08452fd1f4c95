package state

import "fmt"

// Keeper keeps commits where they outlive the process. Its methods are called
// one at a time, and may block: nothing is written meanwhile.
type Keeper interface {
	// Ready returns why nothing can be kept now, or nil. Where what is kept
	// falls short of now, since a commit could not be, it keeps that first.
	Ready(now *Snapshot) error
	// Keep keeps a commit, and returns when it is safe. Before is the state
	// that it changes; [Saved.Redo] makes the change again. The commit is the
	// keeper's only until Keep returns.
	Keep(before *Snapshot, commit []byte) error
	// Replace keeps a state in place of everything that was kept, all of it or
	// nothing, and returns when it is safe.
	Replace(state *Snapshot) error
}

// NotKept is the error of a write that could not be kept. It may have been
// made all the same, and will be kept then when that is possible again.
type NotKept struct{ Reason error }

func (e NotKept) Error() string {
	return fmt.Sprintf("the registry cannot keep what is written, and takes no writes until it can: %v", e.Reason)
}

func (e NotKept) Unwrap() error { return e.Reason }

// Resume returns a store that goes on where a saved state ends, and gives
// every commit to the keeper before anybody can see it. Its indexes begin
// above all that the state's store ever gave out, like those of [New]; the
// saved state is the store's from now on.
func Resume(saved *Saved, keeper Keeper) *Store {
	saved.Snapshot() // nothing of it is under way
	s := New()
	s.keeper = keeper
	s.index = max(s.index, saved.tables.index+1)
	s.topics.restart(s.index)
	saved.tables.began = s.index
	s.graves = saved.tables.tombstones.rows.Len()
	s.now.Store(saved.tables)
	return s
}

// Ready returns why nothing can be kept now, or nil. It has the keeper look, and
// catch up, as a write would: for a time in which nobody writes.
func (s *Store) Ready() error { return s.Write(func(*Writer) error { return nil }) }

// unready returns why nothing can be kept now, or nil.
func (s *Store) unready() error {
	if s.keeper == nil {
		return nil
	}
	if err := s.keeper.Ready(&Snapshot{tables: s.now.Load()}); err != nil {
		return NotKept{err}
	}
	return nil
}

// keep keeps what a commit has changed, if that is to be; the caller leads.
func (s *Store) keep(w *Writer) error {
	if s.keeper == nil {
		return nil
	}
	var err error
	if w.restored {
		whole := *w.tables
		whole.index = w.index - 1
		whole.entries.settle() // of the copy: who waits wakes later
		err = s.keeper.Replace(&Snapshot{tables: &whole})
	} else {
		var commit []byte
		if commit, err = s.text.of(w.index-1, w.changes); err == nil {
			err = s.keeper.Keep(&Snapshot{tables: s.now.Load()}, commit)
		}
	}
	if err != nil {
		return NotKept{err}
	}
	return nil
}
