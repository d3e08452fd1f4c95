package discover

import (
	"context"
	"iter"
)

// Change is how the healthy instances of one snapshot differ from those of an
// earlier one. Its slices must not be changed.
type Change struct {
	Snapshot Snapshot   // the later one
	Added    []Instance // healthy now, and not before
	Removed  []Instance // healthy before, as they were then, and not now
	Changed  []Instance // healthy all the while, and something else of them changed
}

// Compare returns how the healthy instances of now differ from those of before.
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

// Snapshots yields the latest snapshot, as soon as there is one, and then each
// time that its contents changed the latest again, until ctx ends or the
// watch is closed. Who is slow misses those in between, and never the latest.
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

// Changes returns a channel of what became of the healthy instances, beginning
// with all that there are as added. Each change is from the one received before
// it: who is slow gets one that says all. The channel is closed when ctx ends
// or the watch is closed, which waits for it.
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
