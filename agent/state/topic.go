package state

import (
	"fmt"
	"strings"
)

// Topic names answers that change together. Every write touches the topics
// whose answers it changes, and every read names the one topic it depends on:
// so a blocked reader waits on a single channel and wakes only for a write
// that can change its answer.
type Topic string

// The topics without a name of their own.
const (
	// AllNodes covers the list of nodes.
	AllNodes Topic = "nodes"
	// AllServices covers the names of all services and their tags.
	AllServices Topic = "services"
	// AllSessions covers every session.
	AllSessions Topic = "sessions"
	// Everything covers every answer there is; its index is the last write's.
	Everything Topic = "everything"

	topicEntries    Topic = "entries"    // any key
	topicTombstones Topic = "tombstones" // when deleted keys were last forgotten
	topicExtinct    Topic = "extinct"    // when a service last lost its last instance
	topicOrigin     Topic = "origin"     // when the store began
)

// ServiceInstances covers the instances of a service, without their checks.
func ServiceInstances(service string) Topic { return topic("instances/", service) }

// ServiceHealth covers the instances of a service with their nodes and checks.
func ServiceHealth(service string) Topic { return topic("health/", service) }

// NodeServices covers a node and the services on it.
func NodeServices(node string) Topic { return topic("node-services/", node) }

// NodeChecks covers the checks of a node and of the services on it.
func NodeChecks(node string) Topic { return topic("node-checks/", node) }

// ChecksIn covers the checks in one status, or all of them for [AnyStatus].
func ChecksIn(status Status) Topic { return topic("checks/", string(status)) }

func topic(kind, name string) Topic { return Topic(kind + strings.ToLower(name)) }

// topicRow says when a topic last changed. The row's own watch channel tells
// those who wait.
type topicRow struct {
	Topic Topic
	Index uint64
}

// row returns when t last changed. A topic without a row was never touched,
// or its service or node is gone: it then counts as changed when the last of
// its kind went, so that an index never falls.
func (s *Snapshot) row(t Topic) *topicRow {
	for {
		if row := first[*topicRow](s.tx, tableTopics, "id", string(t)); row != nil {
			return row
		}
		t = t.heir()
	}
}

// heir returns the topic that speaks for t while t has no row. Every line of
// heirs ends at topicOrigin, which always has one.
func (t Topic) heir() Topic {
	switch kind, _, _ := strings.Cut(string(t), "/"); kind {
	case "instances", "health":
		return topicExtinct
	case "node-services", "node-checks":
		return AllNodes
	default:
		return topicOrigin
	}
}

// Index returns the index at which the answers that t covers last changed. It
// is at least 1 and never falls.
func (s *Snapshot) Index(t Topic) uint64 { return s.row(t).Index }

// Watch returns a channel that is closed when t changes after the snapshot
// was taken. It may also be closed, seldom, when t did not change: compare
// the index. It costs no goroutine and needs no cleaning up.
func (s *Snapshot) Watch(t Topic) <-chan struct{} {
	changed, _, err := s.tx.FirstWatch(tableTopics, "id", string(t))
	if err != nil {
		panic(fmt.Sprintf("state: watch %s: %v", t, err))
	}
	return changed
}

// touch marks the topics as changed by this write.
func (w *Writer) touch(topics ...Topic) {
	for _, t := range topics {
		if w.touched == nil {
			w.touched = make(map[Topic]bool, 8)
		}
		w.touched[t] = true
	}
}

// forget ends a topic whose service or node is gone; its fallback (see row)
// is touched instead.
func (w *Writer) forget(t Topic) {
	w.touch(t)
	w.touched[t] = false
}

// stamp gives every touched topic the write's index.
func (w *Writer) stamp() {
	for t, lives := range w.touched {
		if lives {
			insert(w.tx, tableTopics, &topicRow{Topic: t, Index: w.index})
		} else if row := first[*topicRow](w.tx, tableTopics, "id", string(t)); row != nil {
			remove(w.tx, tableTopics, row)
		}
	}
}
