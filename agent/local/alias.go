package local

import (
	"slices"
	"strings"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// seen is what an alias of a service sees now, see [check.Aliases]: on this
// node what was announced here, on another what the catalog has.
func (l *Local) seen(node, service string) check.Aliased {
	if node == "" {
		l.mu.Lock()
		defer l.mu.Unlock()
		seen := l.look(nil, "", service)
		if l.aliased[service] == nil {
			l.aliased[service] = make(chan struct{})
		}
		seen.Changed = l.aliased[service]
		return seen
	}
	_, _, moved := l.store.Look(state.NodeServices(node))
	snapshot, _, changed := l.store.Look(state.NodeChecks(node))
	seen := l.look(snapshot, node, service)
	seen.Changed, seen.Moved = changed, moved
	return seen
}

// look is seen as it is at this moment, without the channels that tell of a
// change; the caller holds the mutex where it asks about this node, for which
// no snapshot is needed. An alias of the node itself does not see others of
// that kind: two of them would hold each other down for ever, as would one that
// saw itself.
func (l *Local) look(s *state.Snapshot, node, service string) check.Aliased {
	var seen check.Aliased
	include := func(c *state.Check) {
		if c.ServiceID == "" && c.Type != "alias" || c.ServiceID != "" && c.ServiceID == service {
			seen.Checks = append(seen.Checks, c)
		}
	}
	if node == "" {
		for _, c := range l.onNode {
			include(c.now)
		}
		if svc := l.services[service]; svc != nil {
			seen.Known = true
			for _, c := range svc.checks {
				include(c.now)
			}
		}
	} else {
		seen.Known = s.Service(node, service) != nil || s.Node(node) == nil // nobody knows better
		for _, c := range s.ChecksOn(node) {
			include(c)
		}
	}
	slices.SortFunc(seen.Checks, func(a, b *state.Check) int { return strings.Compare(a.CheckID, b.CheckID) })
	return seen
}

// stir wakes the aliases of an announced service, or of all when the node
// itself is meant; the caller holds the mutex.
func (l *Local) stir(service string) {
	if service == "" {
		for name := range l.aliased {
			l.stir(name)
		}
	} else if changed := l.aliased[service]; changed != nil {
		close(changed)
		delete(l.aliased, service)
	}
}
