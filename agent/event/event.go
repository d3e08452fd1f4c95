// Package event keeps the events that users fire: words for whoever listens,
// such as "deploy", with a payload and with filters that say who is meant.
//
// A [Log] keeps the last of them and tells who waits of the next. It runs
// nothing on an event, and an event is gone when newer ones push it out: it is
// a signal and not a message that anyone is owed.
// https://developer.hashicorp.com/consul/api-docs/event
package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/realjf/muster/agent/state"
)

// Event is one event. Its fields and their JSON are those of Consul.
type Event struct {
	ID            string
	Name          string
	Payload       []byte
	NodeFilter    string // regular expressions, that must match somewhere
	ServiceFilter string
	TagFilter     string
	Version       int
	LTime         uint64 // counts events, also those that concern others
}

// Kept is how many events a log keeps.
const Kept = 256

// remoteExec is the name of the event by which Consul runs commands on its
// nodes. It is never kept: nothing is run here.
const remoteExec = "_rexec"

// maxSize is how large an event may be, with its name: one packet of gossip.
const maxSize = 512

// New returns an event with an id of its own, or why it cannot be, in Consul's
// words.
func New(name string, payload []byte, node, service, tag string) (Event, error) {
	e := Event{
		ID: uuid.NewString(), Name: name, Payload: payload,
		NodeFilter: node, ServiceFilter: service, TagFilter: tag, Version: 1,
	}
	if tag != "" && service == "" {
		return Event{}, errors.New("Cannot provide tag filter without service filter") //lint:ignore ST1005 Consul's text
	}
	for _, filter := range []struct{ kind, expression string }{{"node", node}, {"service", service}, {"tag", tag}} {
		if _, err := regexp.Compile(filter.expression); err != nil {
			return Event{}, fmt.Errorf("Invalid %s filter: %w", filter.kind, err) //lint:ignore ST1005 Consul's text
		}
	}
	if e.size() > maxSize {
		return Event{}, fmt.Errorf("error broadcasting event: user event exceeds configured limit of %d bytes before encoding", maxSize)
	}
	return e, nil
}

// size is what an event takes in Consul's gossip, before it is packed: its
// texts, each with a name and a length, and its id.
func (e Event) size() int {
	size := len("consul:event:") + 2*len(e.Name) + 50
	for _, text := range []string{string(e.Payload), e.NodeFilter, e.ServiceFilter, e.TagFilter} {
		if text != "" {
			size += len(text) + 5
		}
	}
	return size
}

// Concerns reports whether the event means the node, by its name and by the
// services that it announced.
func (e Event) Concerns(node string, services []*state.Service) bool {
	if e.Name == remoteExec || !matches(e.NodeFilter, node) {
		return false
	}
	if e.ServiceFilter == "" {
		return true
	}
	return slices.ContainsFunc(services, func(s *state.Service) bool {
		tagged := e.TagFilter == "" || slices.ContainsFunc(s.Tags, func(tag string) bool { return matches(e.TagFilter, tag) })
		return tagged && matches(e.ServiceFilter, s.Service)
	})
}

// matches reports whether an expression matches the text; the empty one does.
func matches(expression, text string) bool {
	found, err := regexp.MatchString(expression, text)
	return found && err == nil
}

// Index is the index of an answer that ends with the event: both halves of its
// id, one over the other. It says whether something is new, and not what is
// newer.
func (e Event) Index() uint64 {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return 1 // New gave it an id; no index may be 0
	}
	return max(1, binary.BigEndian.Uint64(id[:8])^binary.BigEndian.Uint64(id[8:]))
}

// Log is the last events, in the order they were fired. The zero value is
// ready. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	events  []Event
	fired   uint64        // how many events there were, kept or not
	changed chan struct{} // closed when an event is kept; nil while nobody waits
}

// Fire counts an event and, when it concerns this node, keeps it and wakes
// those who wait.
func (l *Log) Fire(e Event, concerns bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fired++
	if !concerns {
		return
	}
	e.LTime = l.fired + 1 // Consul's clock begins at 1, see Time
	// A new list each time: the old one may be in somebody's hands.
	l.events = append(slices.Clone(l.events[max(0, len(l.events)-Kept+1):]), e)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Time is that of the clock that events are counted by.
func (l *Log) Time() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fired + 1
}

// Look returns the events, oldest first, and a channel that is closed when the
// next one is kept. The list is shared and must not be changed.
func (l *Log) Look() ([]Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.events, l.changed
}
