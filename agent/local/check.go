package local

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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

	// DeregisterAfter removes the service when the check has been critical
	// for so long; never when 0. Consul knows no less than a minute; here any
	// time is kept to.
	DeregisterAfter time.Duration
}

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
	announced := l.announce(c, svc)
	if err := w.PutCheck(*announced.now); err != nil {
		return fmt.Errorf("register check %q: %w", c.ID, err)
	}
	l.run(announced, svc)
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

// UpdateTTL reports how a TTL check fares: [UnknownCheck], [NotTTL].
func (l *Local) UpdateTTL(id string, status state.Status, output string) error {
	result, news, err := l.beat(id, check.Result{Status: status, Output: output})
	if err != nil || !news {
		return err
	}
	return l.report(id, func(c *announcedCheck) (check.Result, bool) { return result, true })
}

// beat renews a TTL check. What is no news to the catalog it notes at once.
func (l *Local) beat(id string, told check.Result) (result check.Result, news bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.checks[id]
	if c == nil {
		return told, false, UnknownCheck(id)
	}
	if c.task == nil {
		return told, false, NotTTL(id)
	}
	kept, isTTL := c.task.Beat(told.Output)
	if !isTTL {
		return told, false, NotTTL(id)
	}
	told.Output = kept
	if l.newsworthy(c, told) {
		return told, true, nil
	}
	l.note(c, told)
	return told, false, nil
}

// report takes in what is known of a check by now, if that is anything:
// [UnknownCheck].
func (l *Local) report(id string, known func(*announcedCheck) (check.Result, bool)) error {
	var was, is *state.Check
	err := l.change(func(w *state.Writer) error {
		c := l.checks[id]
		if c == nil {
			return UnknownCheck(id)
		}
		result, ok := known(c)
		if !ok {
			return nil
		}
		was = c.now
		err := l.update(w, c, result)
		is = c.now
		return err
	})
	// Not within the change: a log may be slow.
	if err == nil && is != nil && was.Status != is.Status {
		l.config.Logger.Info("check changed", "check", id, "service", is.ServiceID,
			"from", was.Status, "to", is.Status, "output", is.Output)
	}
	return err
}

// SetMaintenance takes an announced service out of service, or puts it back:
// [UnknownService].
func (l *Local) SetMaintenance(serviceID string, on bool, reason string) error {
	if reason == "" {
		reason = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."
	}
	return l.setMaintenance(Check{
		ID: state.ServiceMaintenancePrefix + serviceID, Name: "Service Maintenance Mode",
		ServiceID: serviceID, Notes: reason,
	}, on)
}

// SetNodeMaintenance takes the whole node out of service, or puts it back.
func (l *Local) SetNodeMaintenance(on bool, reason string) error {
	if reason == "" {
		reason = "Maintenance mode is enabled for this node, but no reason was provided. This is a default message."
	}
	return l.setMaintenance(Check{ID: state.NodeMaintenance, Name: "Node Maintenance Mode", Notes: reason}, on)
}

func (l *Local) setMaintenance(c Check, on bool) error {
	return l.change(func(w *state.Writer) error {
		_, is := l.checks[c.ID]
		switch {
		case c.ServiceID != "" && l.services[c.ServiceID] == nil:
			return UnknownService(c.ServiceID)
		case on && !is:
			return l.registerCheck(w, c)
		case !on && is:
			return l.deregisterCheck(w, c.ID)
		default:
			return nil
		}
	})
}

// announce returns the check as it stands now that it is announced so, on svc
// or, with nil, on the node; the caller holds the mutex.
func (l *Local) announce(c Check, svc *service) *announcedCheck {
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
	announced := &announcedCheck{announced: c, now: now}
	if svc != nil {
		announced.relabel(svc.definition)
	}
	return announced
}

// run starts a check of svc, or with nil of the node, that has been written,
// in place of the one that had its id; the caller holds the mutex. A check that is announced again as it was
// goes on in its own time; a TTL gets its whole time again.
func (l *Local) run(c *announcedCheck, svc *service) {
	id := c.now.CheckID
	old := l.checks[id]
	if old != nil {
		c.critical = old.critical
		if owner := l.services[old.announced.ServiceID]; owner != nil && owner != svc {
			delete(owner.checks, id) // the id has moved to another owner
		}
	}
	c.written = time.Now()
	l.checks[id] = c
	if svc != nil {
		svc.checks[id] = c
	}
	l.mark(c)
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
	task = l.runner.Start(c.announced.Definition, func(result check.Result) {
		err := l.report(id, func(current *announcedCheck) (check.Result, bool) {
			replaced := current.task != task
			renewed := current.now.Type == "ttl" && !task.Lapsed()
			return result, !replaced && !renewed
		})
		if err != nil && !errors.As(err, new(UnknownCheck)) { // withdrawn meanwhile
			l.config.Logger.Error("check result lost", "check", id, "error", err)
		}
	})
	c.task = task
}

// drop forgets a check that has left the state; the caller holds the mutex.
func (l *Local) drop(id string) {
	c := l.checks[id]
	if c.task != nil {
		c.task.Stop()
	}
	delete(l.checks, id)
	l.removals.Stop(id)
	if svc := l.services[c.announced.ServiceID]; svc != nil {
		delete(svc.checks, id)
	}
}

// newsworthy reports whether a result is to be written into the catalog at
// once; the caller holds the mutex. A new status is; an output alone only when
// the catalog's is old, so that a chatty check does not wake every reader. The
// first bad result is even where the check began as bad: whoever looks must be
// able to read why.
func (l *Local) newsworthy(c *announcedCheck, result check.Result) bool {
	if c.now.Status == result.Status && c.now.Output == result.Output {
		return false
	}
	return c.now.Status != result.Status ||
		c.now.Output == "" && result.Status != state.Passing ||
		time.Since(c.written) >= l.config.OutputInterval
}

// update takes in a result within a change.
func (l *Local) update(w *state.Writer, c *announcedCheck, result check.Result) error {
	if l.newsworthy(c, result) {
		next := *c.now
		next.Status, next.Output = result.Status, result.Output
		if err := w.PutCheck(next); err != nil {
			return fmt.Errorf("update check %q: %w", next.CheckID, err)
		}
		c.written = time.Now()
	}
	l.note(c, result)
	return nil
}

// note takes a result into the agent's own view; the caller holds the mutex.
func (l *Local) note(c *announcedCheck, result check.Result) {
	if c.now.Status == result.Status && c.now.Output == result.Output {
		return
	}
	next := *c.now
	next.Status, next.Output = result.Status, result.Output
	c.now = &next
	l.mark(c)
	l.tell()
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
