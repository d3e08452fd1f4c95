package discover

import (
	"context"
	"iter"
)

// Change is how the healthy instances of one snapshot differ from those of an
// earlier one. Its slices must not be changed.
type Change struct {
	Snapshot Snapshot   // the later one
	Added    []Instance // healthy now, not before
	Removed  []Instance // healthy before, not now; as they were then
	Changed  []Instance // healthy in both, but different
}

// Compare returns the change from before to now.
func Compare(before, now Snapshot) Change {
	type name struct{ datacenter, node, id string }
	named := func(i Instance) name { return name{i.Datacenter, i.Node, i.ID} }
	c := Change{Snapshot: now}
	old := make(map[name]Instance, len(before.Instances))
	for _, i := range before.Instances {
		old[named(i)] = i
	}
	for _, i := range now.Instances {
		was, known := old[named(i)]
		switch {
		case !known:
			c.Added = append(c.Added, i)
		case !was.same(i):
			c.Changed = append(c.Changed, i)
		}
		delete(old, named(i))
	}
	for _, i := range before.Instances {
		if _, gone := old[named(i)]; gone {
			c.Removed = append(c.Removed, i)
		}
	}
	return c
}

// Snapshots yields the latest snapshot once there is one, and again after
// changes of its instances, until ctx ends or the watch is closed. It blocks in
// between. A slow caller misses some, but never the latest.
func (w *Watcher) Snapshots(ctx context.Context) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		for {
			changed := w.Changed()
			if s, ok := w.Snapshot(); ok && !yield(s) {
				return
			}
			select {
			case <-changed:
			case <-w.done:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// Changes returns a channel of changes to the healthy instances. The first adds
// all that there are. A slow receiver gets one for all that happened meanwhile.
// It is closed when ctx ends or the watch is closed.
func (w *Watcher) Changes(ctx context.Context) <-chan Change {
	changes := make(chan Change)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		close(changes)
		return changes
	}
	w.readers.Go(func() { // ends with ctx and with the watch, whose Close waits
		defer close(changes)
		var told Snapshot
		for {
			changed := w.Changed()
			s, _ := w.Snapshot()
			var out chan<- Change
			change := Compare(told, s)
			if len(change.Added)+len(change.Removed)+len(change.Changed) > 0 {
				out = changes
			}
			select {
			case out <- change:
				told = s
			case <-changed:
			case <-w.done:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return changes
}
