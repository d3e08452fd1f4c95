package state

// Announced is what an agent must know again after a restart of one thing that
// it announces, beside what the catalog has of it. Only the agent knows what it
// says. Most services need none: their row says that they are announced.
type Announced struct {
	Kind, ID string
	Text     string
}

// Announced returns everything that an agent keeps of what it announces, by
// kind and id.
func (s *Snapshot) Announced() []*Announced { return s.announced.all() }

// PutAnnounced keeps one thing, in place of what was kept of it. It changes
// nothing when that is the same.
func (w *Writer) PutAnnounced(a Announced) {
	if old := w.announced.get(exact(a.Kind, a.ID)); old != nil && *old == a {
		return
	}
	w.announced.put(&a)
	w.touch(Everything)
}

// DeleteAnnounced forgets one thing, if it is kept.
func (w *Writer) DeleteAnnounced(kind, id string) {
	if old := w.announced.get(exact(kind, id)); old != nil {
		w.announced.remove(old)
		w.touch(Everything)
	}
}
