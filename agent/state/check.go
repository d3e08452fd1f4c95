package state

import (
	"fmt"
	"slices"
)

// Status is the health that a check reports.
type Status string

// The statuses of a check, and the word that asks for all of them.
const (
	Passing   Status = "passing"
	Warning   Status = "warning"
	Critical  Status = "critical"
	AnyStatus Status = "any"

	// Maintenance is never a check's own status: it is what an instance is
	// whose checks hold a maintenance check.
	Maintenance Status = "maintenance"
)

// Valid reports whether a check may be in this status.
func (s Status) Valid() bool { return s == Passing || s == Warning || s == Critical }

// Ids of the checks that put a whole node, or one service, out of service.
const (
	NodeMaintenance          = "_node_maintenance"
	ServiceMaintenancePrefix = "_service_maintenance:"
)

// Check is what is known of the health of a node or of a service on it. Its
// fields and their JSON are those of Consul's catalog.
type Check struct {
	Node        string
	CheckID     string // unique on its node
	Name        string
	Status      Status
	Notes       string
	Output      string
	ServiceID   string // empty for a check of the node itself
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	Definition  Definition `bexpr:"-"`
	PeerName    string     `json:",omitempty"` // none: filters may ask
	CreateIndex uint64     `bexpr:"-"`
	ModifyIndex uint64     `bexpr:"-"`
}

func (c *Check) same(o *Check) bool {
	return sameName(c.Node, o.Node) && c.CheckID == o.CheckID && c.Name == o.Name && c.Status == o.Status &&
		c.Notes == o.Notes && c.Output == o.Output && c.ServiceID == o.ServiceID &&
		c.ServiceName == o.ServiceName && slices.Equal(c.ServiceTags, o.ServiceTags) &&
		c.Type == o.Type && c.Interval == o.Interval && c.Timeout == o.Timeout && c.ExposedPort == o.ExposedPort &&
		c.Definition.same(o.Definition)
}

// Worst returns the status of whatever the checks are about: maintenance is
// worse than critical, warning and passing, in this order; no checks pass.
func Worst(checks []*Check) Status {
	worst := Passing
	for _, check := range checks {
		switch {
		case check.CheckID == NodeMaintenance || isServiceMaintenance(check.CheckID):
			return Maintenance
		case check.Status == Critical:
			worst = Critical
		case check.Status == Warning && worst == Passing:
			worst = Warning
		}
	}
	return worst
}

// AgentHealth is the id of the check that says whether a node's agent is alive.
const AgentHealth = "serfHealth"

func isServiceMaintenance(id string) bool {
	return len(id) >= len(ServiceMaintenancePrefix) && id[:len(ServiceMaintenancePrefix)] == ServiceMaintenancePrefix
}

// Check returns the check with the id on the node, or nil.
func (s *Snapshot) Check(node, id string) *Check {
	return s.checks.get(folded(node, id))
}

// ChecksOn returns the checks of a node and of the services on it.
func (s *Snapshot) ChecksOn(node string) []*Check {
	return s.checks.below(folded(node))
}

// ChecksFor returns the checks of all instances of a service, without those
// of their nodes.
func (s *Snapshot) ChecksFor(service string) []*Check {
	return s.checks.by(checksByName, folded(service))
}

// ChecksIn returns the checks in a status, or all of them for [AnyStatus].
func (s *Snapshot) ChecksIn(status Status) []*Check {
	if status == AnyStatus {
		return s.checks.all()
	}
	return s.checks.by(checksByStatus, folded(string(status)))
}

// checksOf returns the checks of one service on a node, or with an empty id
// those of the node itself.
func (s *Snapshot) checksOf(node, serviceID string) []*Check {
	return s.checks.by(checksOn, folded(node, serviceID))
}

// PutCheck stores a copy of c. Its node, and its service if it names one,
// must exist: [ErrUnknownNode], [UnknownService]. The service's name and
// tags are filled in. It does nothing when the check is already so.
func (w *Writer) PutCheck(c Check) error {
	if w.Node(c.Node) == nil {
		return fmt.Errorf("check %q: %w %q", c.CheckID, ErrUnknownNode, c.Node)
	}
	c.ServiceName, c.ServiceTags = "", []string{}
	if c.ServiceID != "" {
		svc := w.Service(c.Node, c.ServiceID)
		if svc == nil {
			return UnknownService{c.ServiceID, c.CheckID}
		}
		c.ServiceName, c.ServiceTags = svc.Service, svc.Tags
	}
	c.CreateIndex, c.ModifyIndex = w.index, w.index
	old := w.Check(c.Node, c.CheckID)
	if old != nil {
		if old.same(&c) {
			return nil
		}
		c.CreateIndex = old.CreateIndex
		w.touchCheck(old)
	}
	w.checks.put(&c)
	w.touchCheck(&c)
	if c.Status == Critical && old != nil && old.Status != Critical {
		w.endSessionsOf(&c)
	}
	return nil
}

// DeleteCheck removes a check. It does nothing when there is no such check.
func (w *Writer) DeleteCheck(node, id string) {
	check := w.Check(node, id)
	if check == nil {
		return
	}
	w.checks.remove(check)
	w.touchCheck(check)
	w.endSessionsOf(check)
}

// relabelChecks gives the checks of a service the name and tags it has now.
func (w *Writer) relabelChecks(svc *Service) {
	for _, old := range w.checksOf(svc.Node, svc.ID) {
		if old.ServiceName == svc.Service && slices.Equal(old.ServiceTags, svc.Tags) {
			continue
		}
		check := *old
		check.ServiceName, check.ServiceTags, check.ModifyIndex = svc.Service, svc.Tags, w.index
		w.checks.put(&check)
		w.touchCheck(old)
		w.touchCheck(&check)
	}
}

// touchCheck marks what changes when a check appears, changes or goes.
func (w *Writer) touchCheck(c *Check) {
	w.touch(ChecksIn(c.Status), ChecksIn(AnyStatus), NodeChecks(c.Node))
	if c.ServiceID == "" {
		for _, svc := range w.ServicesOn(c.Node) {
			w.touchHealth(svc)
		}
		return
	}
	w.touch(ServiceHealth(c.ServiceName)) // which may not be its service's name any more
	if svc := w.Service(c.Node, c.ServiceID); svc != nil {
		w.touchHealth(svc)
	}
}
