package state

// Snapshot is the state at one moment. It never changes and is safe for
// concurrent use. Lists come in a steady order: by node, then by id.
type Snapshot struct {
	*tables
	// When any key last changed, and when deleted ones were last forgotten.
	keys, forgotten uint64
}

// Index returns the index of the last write that the snapshot holds.
func (s *Snapshot) Index() uint64 { return s.tables.index }

// Writer is a snapshot that can be changed: it sees what it did so far. It
// belongs to the function it was given to and is not safe for concurrent use.
type Writer struct {
	Snapshot
	index   uint64   // what everything written now is stamped with
	touched []touch  // the topics that change, in order
	graves  int      // how many tombstones there are
	changes []change // what it did to the tables, where that is kept

	restored bool // nothing is as it was before
}
