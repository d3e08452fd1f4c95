package state

import (
	"hash/maphash"
	"strings"
	"sync"
)

// Topic names answers that change together. Every write touches the topics
// whose answers it changes, and every read names the one topic it depends on:
// so a blocked reader waits on a single channel and wakes only for a write
// that can change its answer.
type Topic struct {
	kind topicKind
	name string // in lower case; empty for the topics without a name
}

type topicKind uint8

const (
	allNodes topicKind = iota
	allServices
	allSessions
	allCoordinates
	allConfigEntries
	allQueries
	everything
	keys       // any key
	tombstones // when deleted keys were last forgotten
	extinct    // when a service last lost its last instance
	origin     // when the store began
	serviceInstances
	serviceHealth
	meshHealth
	nodeServices
	nodeChecks
	checksIn
)

// The topics without a name of their own.
var (
	// AllNodes covers the list of nodes.
	AllNodes = Topic{kind: allNodes}
	// AllServices covers the names of all services and their tags.
	AllServices = Topic{kind: allServices}
	// AllSessions covers every session.
	AllSessions = Topic{kind: allSessions}
	// AllCoordinates covers where every node lies.
	AllCoordinates = Topic{kind: allCoordinates}
	// AllQueries covers every prepared query.
	AllQueries = Topic{kind: allQueries}
	// AllConfigEntries covers every config entry.
	AllConfigEntries = Topic{kind: allConfigEntries}
	// Everything covers every answer there is; its index is the last write's.
	Everything = Topic{kind: everything}
)

// ServiceInstances covers the instances of a service, without their checks.
func ServiceInstances(service string) Topic { return named(serviceInstances, service) }

// ServiceHealth covers the instances of a service with their nodes and checks.
func ServiceHealth(service string) Topic { return named(serviceHealth, service) }

// MeshHealth covers the instances through which a service is reached in the
// mesh, with their nodes and checks.
func MeshHealth(service string) Topic { return named(meshHealth, service) }

// NodeServices covers a node and the services on it.
func NodeServices(node string) Topic { return named(nodeServices, node) }

// NodeChecks covers the checks of a node and of the services on it.
func NodeChecks(node string) Topic { return named(nodeChecks, node) }

// ChecksIn covers the checks in one status, or all of them for [AnyStatus].
func ChecksIn(status Status) Topic { return named(checksIn, string(status)) }

func named(kind topicKind, name string) Topic { return Topic{kind, strings.ToLower(name)} }

// heir returns the topic that speaks for t while t has no row: t was never
// touched, or its service or node is gone, and then counts as changed when the
// last of its kind went, so that an index never falls. Every line of heirs
// ends at the origin, which always has a row.
func (t Topic) heir() Topic {
	switch t.kind {
	case serviceInstances, serviceHealth, meshHealth:
		return Topic{kind: extinct}
	case nodeServices, nodeChecks:
		return AllNodes
	default:
		return Topic{kind: origin}
	}
}

// topics knows when each topic last changed, and tells those who wait. It
// stands beside the tables and not in them: every write touches several, and
// nobody needs them as they were. A reader looks here first and takes its
// snapshot then, a writer commits first and touches then: so an answer may be
// newer than the index that goes with it, which costs a reader one look too
// many, but never older, which would cost it a change.
type topics struct {
	mu   sync.Mutex
	rows map[Topic]topicRow
	// Those who wait for a topic without a row wait together with all whose
	// topic has the same hash, so that questions about what is not there cost
	// no memory.
	absent [1024]chan struct{}
	seed   maphash.Seed
}

// topicRow says when a topic last changed.
type topicRow struct {
	index   uint64
	changed chan struct{} // closed at the next change; nil while nobody waits
}

// touch is what a write did to one topic.
type touch struct {
	topic Topic
	index uint64
	ends  bool // it has no row any more
}

// newTopics returns the topics of a store that begins at index.
func newTopics(index uint64) *topics {
	s := &topics{seed: maphash.MakeSeed()}
	s.restart(index)
	return s
}

// index returns when t last changed.
func (s *topics) index(t Topic) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.indexOf(t)
}

// indexOf is index for a caller who holds the mutex.
func (s *topics) indexOf(t Topic) uint64 {
	for {
		if row, ok := s.rows[t]; ok {
			return row.index
		}
		t = t.heir()
	}
}

// watch returns when t last changed and a channel that is closed when it next
// does, or, seldom, when another topic did.
func (s *topics) watch(t Topic) (index uint64, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[t]
	if !ok {
		place := s.place(t)
		if *place == nil {
			*place = make(chan struct{})
		}
		return s.indexOf(t), *place
	}
	if row.changed == nil {
		row.changed = make(chan struct{})
		s.rows[t] = row
	}
	return row.index, row.changed
}

// place is where those wait whose topic has no row.
func (s *topics) place(t Topic) *chan struct{} {
	return &s.absent[maphash.Comparable(s.seed, t)%uint64(len(s.absent))]
}

// apply notes what committed writes touched, in order, and wakes those who
// wait.
func (s *topics) apply(touched []touch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range touched {
		row, ok := s.rows[t.topic]
		if !ok {
			wake(s.place(t.topic))
		}
		wake(&row.changed)
		if t.ends {
			delete(s.rows, t.topic)
		} else {
			s.rows[t.topic] = topicRow{index: t.index}
		}
	}
}

// restart begins at index, where everything may have changed, and wakes all
// who wait.
func (s *topics) restart(index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range s.rows {
		wake(&row.changed)
	}
	for n := range s.absent {
		wake(&s.absent[n])
	}
	row := topicRow{index: index}
	s.rows = map[Topic]topicRow{{kind: origin}: row, Everything: row}
}

func wake(waiting *chan struct{}) {
	if *waiting != nil {
		close(*waiting)
		*waiting = nil
	}
}

// touch marks topics as changed by this write.
func (w *Writer) touch(topics ...Topic) {
	for _, t := range topics {
		w.touched = append(w.touched, touch{topic: t, index: w.index})
	}
}

// forget ends a topic whose service or node is gone; its heir is touched by
// whoever ends it.
func (w *Writer) forget(t Topic) {
	w.touched = append(w.touched, touch{topic: t, index: w.index, ends: true})
}
