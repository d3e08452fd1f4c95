package state

// tables is everything that is known at one moment, a table for each noun. A
// new one is a field here, its layout in newTables, and a file for its noun.
type tables struct {
	nodes       table[Node]
	services    table[Service]
	checks      table[Check]
	coordinates table[Coordinate]
	sessions    table[Session]
	queries     table[Query]
	entries     entries
	tombstones  table[tombstone]
	virtuals    table[virtual]
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
		virtuals: newTable(func(v *virtual) string { return v.key() },
			func(v *virtual) string { return foldedIf(v.Service) },
			func(v *virtual) string { return v.freeKey() }),
	}
}

// each yields every table.
func (t *tables) each(yield func(forked) bool) {
	for _, table := range []forked{&t.nodes, &t.services, &t.checks, &t.coordinates, &t.sessions, &t.queries, &t.entries, &t.tombstones, &t.virtuals} {
		if !yield(table) {
			return
		}
	}
}

// forked is a table that begins as a copy and shares what it does not change.
type forked interface{ fork() }

// fork returns tables that begin like these and can be changed without them.
func (t *tables) fork() *tables {
	next := *t
	for table := range next.each {
		table.fork()
	}
	return &next
}
