package local

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/realjf/muster/agent/state"
)

// Definition is a service with its checks, and perhaps its sidecar, as it is
// announced.
type Definition struct {
	Service state.Service
	Checks  []Check
	Sidecar *Sidecar // nil for none

	// Token is the one that it was announced with. It is kept with it, and shown
	// to nobody: an agent without access control has no use for it.
	Token string
}

// AllChecks returns the checks of the service and of its sidecar.
func (d Definition) AllChecks() []Check {
	if d.Sidecar == nil {
		return d.Checks
	}
	return slices.Concat(d.Checks, d.Sidecar.Checks)
}

// Definitions are services and checks that somebody announces together.
type Definitions struct {
	Services []Definition
	Checks   []Check // of the node, or of services that are announced
}

// configured is what the configuration announced and nobody has announced
// otherwise or withdrawn since.
type configured struct {
	services map[string]Definition // by id
	checks   map[string]Check      // by id
}

// Configure announces what the configuration says in place of what it said
// before, whole or not at all: [NoSuchService]. What it says as before goes on
// undisturbed; what it no longer says is withdrawn, unless it was announced
// otherwise since; what others announced stays.
func (l *Local) Configure(next Definitions) error {
	services := make([]Definition, len(next.Services))
	for n, d := range next.Services {
		d.Checks = append([]Check{}, d.Checks...)
		for c := range d.Checks {
			d.Checks[c].nameFor(d.Service, c, len(d.Checks))
		}
		services[n] = d
	}
	return l.change(func(w *state.Writer) error {
		if err := l.givePorts(services); err != nil {
			return err
		}
		goneServices, goneChecks := l.gone(services, next.Checks)
		if len(services)+len(next.Checks)+len(goneServices)+len(goneChecks) == 0 {
			return nil
		}
		there := map[string]bool{"": true}
		for id := range l.services {
			there[id] = true
		}
		for _, id := range goneServices {
			delete(there, id)
		}
		for _, d := range services {
			there[d.Service.ID] = true
		}
		for _, c := range next.Checks {
			if !there[c.ServiceID] {
				return fmt.Errorf("check %q: %w", c.ID, NoSuchService(c.ServiceID))
			}
		}
		// What others took out of the catalog is there again, so that nothing
		// below can fail.
		if err := l.restore(w); err != nil {
			return err
		}
		for _, id := range goneServices {
			if err := l.deregister(w, id); err != nil {
				return err
			}
		}
		for _, id := range goneChecks {
			if l.checks[id] == nil {
				continue // it went with its service
			}
			if err := l.deregisterCheck(w, id); err != nil {
				return err
			}
		}
		for _, d := range services {
			if err := l.configureService(w, d); err != nil {
				return err
			}
		}
		for _, c := range next.Checks {
			if now, same := l.configured.checks[c.ID]; same && reflect.DeepEqual(now, c) {
				continue
			}
			if err := l.registerCheck(w, c); err != nil {
				return err
			}
			l.configured.checks[c.ID] = c
		}
		return nil
	})
}

// configureService announces a service of the configuration, unless that is as
// it was; the caller holds the mutex.
func (l *Local) configureService(w *state.Writer, d Definition) error {
	id := d.Service.ID
	before, was := l.configured.services[id]
	if was && reflect.DeepEqual(before, d) && l.isWhole(d) {
		return nil
	}
	if err := l.registerDefinition(w, d, false); err != nil {
		return err
	}
	l.configured.services[id] = d
	if sidecar := l.services[SidecarID(id)]; d.Sidecar == nil && before.Sidecar != nil && sidecar != nil && sidecar.isSidecar {
		if err := l.deregister(w, SidecarID(id)); err != nil {
			return err
		}
	}
	named := map[string]bool{}
	for _, c := range d.Checks {
		named[c.ID] = true
	}
	for _, c := range before.Checks {
		if there := l.checks[c.ID]; named[c.ID] || there == nil || there.announced.ServiceID != id {
			continue
		}
		if err := l.deregisterCheck(w, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// givePorts gives a port to each sidecar that names none; the caller holds the
// mutex.
func (l *Local) givePorts(services []Definition) error {
	used := map[int]bool{}
	for n, d := range services {
		if d.Sidecar == nil {
			continue
		}
		sidecar := *d.Sidecar
		if sidecar.Service.Port == 0 {
			port, err := l.sidecarPort(SidecarID(d.Service.ID), used)
			if err != nil {
				return fmt.Errorf("service %q: %w", d.Service.ID, err)
			}
			sidecar.Service.Port = port
		}
		used[sidecar.Service.Port] = true
		services[n].Sidecar = &sidecar
	}
	return nil
}

// isWhole reports whether a service still has all that it was announced with;
// the caller holds the mutex.
func (l *Local) isWhole(d Definition) bool {
	for _, c := range d.Checks {
		if l.services[d.Service.ID].checks[c.ID] == nil {
			return false
		}
	}
	return d.Sidecar == nil || l.services[SidecarID(d.Service.ID)] != nil
}

// gone returns what the configuration announced and announces no longer; the
// caller holds the mutex.
func (l *Local) gone(services []Definition, checks []Check) (goneServices, goneChecks []string) {
	stay := map[string]bool{}
	for _, d := range services {
		stay[d.Service.ID] = true
	}
	for id := range l.configured.services {
		if !stay[id] {
			goneServices = append(goneServices, id)
		}
	}
	clear(stay)
	for _, c := range checks {
		stay[c.ID] = true
	}
	for id := range l.configured.checks {
		if !stay[id] {
			goneChecks = append(goneChecks, id)
		}
	}
	return goneServices, goneChecks
}

// SetNodeMeta changes what the catalog has of the node beside its addresses.
func (l *Local) SetNodeMeta(meta map[string]string) error {
	return l.change(func(w *state.Writer) error {
		l.node.Meta = meta
		return w.PutNode(l.node)
	})
}
