package local

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// Check is a check as it is announced.
type Check struct {
	ID         string // "service:<service id>" by default, with ":<n>" where there are several
	Name       string // "Service '<name>' check" by default
	Notes      string
	Status     state.Status // before the first result; critical by default
	ServiceID  string       // empty for a check of the node itself
	Interval   string       // as the answers show it
	Timeout    string       // likewise
	Definition check.Definition
	Token      string // see [Definition]

	// DeregisterAfter removes the service when the check has been critical
	// for so long; never when 0. Consul knows no less than a minute; here any
	// time is kept to.
	DeregisterAfter time.Duration
}

// RunsScript reports whether the check runs a program on this machine.
func (c Check) RunsScript() bool { return len(c.Definition.ScriptArgs) > 0 }

// nameFor fills in what a service's n-th check of total is called.
func (c *Check) nameFor(svc state.Service, n, total int) {
	c.ServiceID = svc.ID
	if c.ID == "" {
		c.ID = "service:" + svc.ID
		if total > 1 {
			c.ID += fmt.Sprintf(":%d", n+1)
		}
	}
	if c.Name == "" {
		c.Name = fmt.Sprintf("Service '%s' check", svc.Service)
	}
}

// announcedCheck is a check and how it fares.
type announcedCheck struct {
	announced Check
	now       *state.Check // replaced, never changed
	task      *check.Task  // nil for maintenance
	critical  time.Time    // since when; zero while it is not
	written   time.Time    // when the catalog last heard of it
	history   *history
	warming   *atomic.Bool // see Warming; nil while it is not
}

// RegisterCheck announces a check of the node or of an announced service:
// [NoSuchService]. One that was there already keeps its status and output
// until the next result.
func (l *Local) RegisterCheck(c Check) error {
	return l.change(func(w *state.Writer) error { return l.registerCheck(w, c) })
}

// registerCheck is RegisterCheck within a change.
func (l *Local) registerCheck(w *state.Writer, c Check) error {
	svc := l.services[c.ServiceID]
	if c.ServiceID != "" && svc == nil {
		return NoSuchService(c.ServiceID)
	}
	announced := l.announce(w, c, svc)
	if err := w.PutCheck(*announced.now); err != nil {
		return fmt.Errorf("register check %q: %w", c.ID, err)
	}
	l.run(announced, svc)
	delete(l.configured.checks, c.ID)
	l.tell()
	return nil
}

// DeregisterCheck withdraws a check: [UnknownCheck].
func (l *Local) DeregisterCheck(id string) error {
	return l.change(func(w *state.Writer) error { return l.deregisterCheck(w, id) })
}

// deregisterCheck is DeregisterCheck within a change.
func (l *Local) deregisterCheck(w *state.Writer, id string) error {
	if l.checks[id] == nil {
		return UnknownCheck(id)
	}
	w.DeleteCheck(l.node.Node, id)
	l.drop(id)
	l.tell()
	return nil
}

// announce returns the check as it stands now that it is announced so, on svc
// or, with nil, on the node; the caller holds the mutex.
func (l *Local) announce(w *state.Writer, c Check, svc *service) *announcedCheck {
	kind := "maintenance"
	if c.ID != state.NodeMaintenance && !strings.HasPrefix(c.ID, state.ServiceMaintenancePrefix) {
		kind = c.Definition.Kind()
	}
	now := &state.Check{
		Node: l.node.Node, CheckID: c.ID, Name: c.Name, Status: c.Status, Notes: c.Notes,
		ServiceID: c.ServiceID, ServiceTags: []string{},
		Type: kind, Interval: c.Interval, Timeout: c.Timeout,
	}
	if now.Status == "" {
		now.Status = state.Critical
	}
	if old := l.checks[c.ID]; old != nil {
		now.Status, now.Output = old.now.Status, old.now.Output
	}
	if kind == "alias" { // what it is an alias of is known
		node, service := c.Definition.AliasNode, c.Definition.AliasService
		result := l.look(&w.Snapshot, node, service).Result(node, service)
		now.Status, now.Output = result.Status, result.Output
	}
	announced := &announcedCheck{announced: c, now: now}
	if svc != nil {
		announced.relabel(svc.definition)
	}
	return announced
}

// run starts a check of svc, or with nil of the node, that has been written,
// in place of the one that had its id; the caller holds the mutex. A check that
// is announced again as it was goes on in its own time; a TTL gets its whole
// time again.
func (l *Local) run(c *announcedCheck, svc *service) {
	id := c.now.CheckID
	old := l.checks[id]
	c.history = &history{changed: time.Now()}
	if old != nil {
		c.critical, c.history, c.warming = old.critical, old.history, old.warming
		if old.now.Status != c.now.Status {
			c.history.changed = time.Now()
		}
		if owner := l.services[old.announced.ServiceID]; owner != nil && owner != svc {
			delete(owner.checks, id) // the id has moved to another owner
			l.stir(old.announced.ServiceID)
		}
	}
	c.written = time.Now()
	l.checks[id] = c
	l.unkept[thing{aCheck, id}] = true
	if svc != nil {
		svc.checks[id] = c
		delete(l.onNode, id)
	} else {
		l.onNode[id] = c
	}
	l.mark(c)
	l.stir(c.announced.ServiceID)
	if c.now.Type == "maintenance" {
		return
	}
	if old != nil && c.now.Type != "ttl" && reflect.DeepEqual(old.announced.Definition, c.announced.Definition) {
		c.task = old.task
		return
	}
	if old != nil && old.task != nil {
		old.task.Stop()
	}
	// Reports name the check by its id: the task may outlive this record.
	var task *check.Task
	definition := l.damped(c.announced.Definition)
	if definition.OutputMaxSize <= 0 || definition.OutputMaxSize > l.config.OutputMaxSize {
		definition.OutputMaxSize = l.config.OutputMaxSize
	}
	var was state.Status // nothing that the first result would have to outweigh
	if c.warming != nil {
		was = c.now.Status
	}
	task = l.runner.Resume(definition, was, func(report check.Report) {
		err := l.report(id, func(current *announcedCheck) (check.Report, bool, error) {
			replaced := current.task != task
			renewed := current.now.Type == "ttl" && !task.Lapsed()
			return report, !replaced && !renewed, nil
		})
		if err != nil && !errors.As(err, new(UnknownCheck)) { // withdrawn meanwhile
			l.config.Logger.Error("check result lost", "check", id, "error", err)
		}
	})
	c.task = task
}

// damped returns a definition with the damping that the configuration gives to
// checks that say nothing of it.
func (l *Local) damped(d check.Definition) check.Definition {
	if d.FlapDamping == 0 && d.Damps() {
		d.FlapDamping = l.config.FlapDamping
	}
	return d
}

// drop forgets a check that has left the state; the caller holds the mutex.
func (l *Local) drop(id string) {
	c := l.checks[id]
	if c.task != nil {
		c.task.Stop()
	}
	l.warmed(c)
	delete(l.checks, id)
	l.unkept[thing{aCheck, id}] = true
	delete(l.onNode, id)
	delete(l.configured.checks, id)
	l.stir(c.announced.ServiceID)
	if aliased := c.announced.Definition.AliasService; aliased != "" {
		l.stir(aliased) // what nobody waits for is forgotten
	}
	l.removals.Stop(id)
	if svc := l.services[c.announced.ServiceID]; svc != nil {
		delete(svc.checks, id)
	}
}

// relabel gives the check the name and tags of its service.
func (c *announcedCheck) relabel(svc *state.Service) {
	if c.now.ServiceName == svc.Service && slices.Equal(c.now.ServiceTags, svc.Tags) {
		return
	}
	next := *c.now
	next.ServiceName, next.ServiceTags = svc.Service, svc.Tags
	c.now = &next
}
