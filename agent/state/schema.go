package state

import "maps"

// tables is everything that is known at one moment, a table for each noun. A
// new one is a field here, its layout in newTables, its name in each, and a
// file for its noun.
type tables struct {
	index uint64 // of the last write
	began uint64 // when the store began, or was last restored: no answer has a lower index

	nodes       table[Node]
	services    table[Service]
	checks      table[Check]
	coordinates table[Coordinate]
	sessions    table[Session]
	queries     table[Query]
	entries     entries
	tombstones  table[tombstone]
	lockDelays  table[lockDelay]
	virtuals    table[virtual]
	configs     table[config]
	announced   table[Announced]
}

// The indexes, in the order of their tables' layouts.
const (
	nodesByID = 0

	servicesByName = 0
	servicesInMesh = 1 // by the service that is reached through them

	checksOn       = 0 // a service of a node
	checksByName   = 1 // of the service
	checksByStatus = 2

	sessionsOn = 0 // a node

	queriesByName    = 0
	queriesBySession = 1
	queriesFor       = 2 // names that begin with theirs

	virtualsOf   = 0 // a service
	virtualsFree = 1

	configsOf = 0 // a kind

	delaysByEnd = 0
)

func newTables() *tables {
	return &tables{
		nodes: newTable(func(n *Node) string { return folded(n.Node) },
			func(n *Node) string { return folded(n.ID) }),
		services: newTable(func(s *Service) string { return folded(s.Node, s.ID) },
			func(s *Service) string { return folded(s.Service) },
			func(s *Service) string { return foldedIf(s.destination()) }),
		checks: newTable(func(c *Check) string { return folded(c.Node, c.CheckID) },
			func(c *Check) string { return folded(c.Node, c.ServiceID) },
			func(c *Check) string { return folded(c.ServiceName) },
			func(c *Check) string { return folded(string(c.Status)) }),
		coordinates: newTable(func(c *Coordinate) string { return folded(c.Node) }),
		sessions: newTable(func(s *Session) string { return s.ID },
			func(s *Session) string { return folded(s.Node) }),
		queries: newTable(func(q *Query) string { return exact(q.ID) },
			func(q *Query) string { return folded(q.Name) },
			func(q *Query) string { return exact(q.Session) },
			func(q *Query) string { return folded(q.Template.Type, q.Name) }),
		entries:    newEntries(),
		tombstones: newTable(func(t *tombstone) string { return t.Key }),
		lockDelays: newTable(func(d *lockDelay) string { return d.Key }, (*lockDelay).ends),
		virtuals: newTable(func(v *virtual) string { return v.key() },
			func(v *virtual) string { return foldedIf(v.Service) },
			func(v *virtual) string { return v.freeKey() }),
		configs: newTable(func(c *config) string { return configKey(c.id()) },
			func(c *config) string { return folded(c.id().Kind) }),
		announced: newTable(func(a *Announced) string { return exact(a.Kind, a.ID) }),
	}
}

// each yields every table, with the name under which its rows are saved.
func (t *tables) each(yield func(name string, table kind) bool) {
	for _, one := range []struct {
		name  string
		table kind
	}{
		{"nodes", &t.nodes},
		{"services", &t.services},
		{"checks", &t.checks},
		{"coordinates", &t.coordinates},
		{"sessions", &t.sessions},
		{"queries", &t.queries},
		{"entries", &t.entries},
		{"tombstones", &t.tombstones},
		{"lock-delays", &t.lockDelays},
		{"virtuals", &t.virtuals},
		{"configs", &t.configs},
		{"announced", &t.announced},
	} {
		if !yield(one.name, one.table) {
			return
		}
	}
}

// named returns every table by the name under which its rows are saved.
func (t *tables) named() map[string]kind { return maps.Collect(t.each) }

// kind is a table of whatever rows.
type kind interface {
	fork(diary)                 // makes it one that began as a copy, and shares what it does not change
	every(yield func(any) bool) // yields its rows, in order
	blank() any                 // returns a new row, to be filled in and added
	add(row any) (isNew bool)   // takes in a row of a saved state; where one has its key, the table is spoilt
	set(row any)                // takes in a row, in place of the one with its key
	unset(row any) (was bool)   // takes out the row with this one's key
}

// fork returns tables that begin like these and can be changed without them.
// What they change is noted, in order; with nil it is not.
func (t *tables) fork(changes *[]change) *tables {
	next := *t
	for name, table := range next.each {
		table.fork(diary{name, changes})
	}
	return &next
}
