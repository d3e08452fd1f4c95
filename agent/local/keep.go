package local

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// thing is one thing that is announced.
type thing struct{ kind, id string }

const (
	aService = "service"
	aCheck   = "check"
	theNode  = "node" // whose Text is its name
)

// keptService is what is kept of a service beside its row in the catalog; of
// most that is nothing.
type keptService struct {
	Registered *mesh.Proxy `json:",omitempty"` // as it was announced; nil where config entries change nothing
	Sidecar    bool        `json:",omitempty"`
	Token      string      `json:",omitempty"`
	Configured bool        `json:",omitempty"` // by the configuration, which may say otherwise next time
}

// keptCheck is what is kept of a check beside its row in the catalog.
type keptCheck struct {
	Definition      check.Definition
	DeregisterAfter time.Duration `json:",omitempty"`
	Token           string        `json:",omitempty"`
	Configured      bool          `json:",omitempty"`
}

// keep has the store hold what has changed of what is announced; the caller
// holds the mutex.
func (l *Local) keep(w *state.Writer) error {
	if l.config.Keep {
		for what := range l.unkept {
			if err := l.keepThing(w, what); err != nil {
				return err
			}
		}
	}
	if len(l.unkept) > 0 {
		l.unkept = map[thing]bool{} // to clear one takes as long as it was ever large
	}
	return nil
}

// keepAnew has the store hold all that is announced, and nothing else.
func (l *Local) keepAnew(w *state.Writer) error {
	before := w.Announced()
	if !l.config.Keep {
		for _, kept := range before {
			w.DeleteAnnounced(kept.Kind, kept.ID)
		}
		return l.keep(w)
	}
	w.PutAnnounced(state.Announced{Kind: theNode, Text: l.node.Node})
	for _, kept := range before {
		if kept.Kind == theNode {
			continue
		}
		if err := l.keepThing(w, thing{kept.Kind, kept.ID}); err != nil {
			return err
		}
	}
	for id := range l.services {
		if err := l.keepThing(w, thing{aService, id}); err != nil {
			return err
		}
	}
	for id := range l.checks {
		if err := l.keepThing(w, thing{aCheck, id}); err != nil {
			return err
		}
	}
	return l.keep(w)
}

func (l *Local) keepThing(w *state.Writer, what thing) error {
	var kept any
	if svc := l.services[what.id]; what.kind == aService && svc != nil {
		row := keptService{Sidecar: svc.isSidecar, Token: svc.token}
		if !svc.registered.Equal(svc.definition.Proxy) {
			row.Registered = svc.registered
		}
		_, row.Configured = l.configured.services[what.id]
		if row != (keptService{}) {
			kept = row
		}
	}
	if c := l.checks[what.id]; what.kind == aCheck && c != nil {
		row := keptCheck{Definition: c.announced.Definition, DeregisterAfter: c.announced.DeregisterAfter, Token: c.announced.Token}
		row.Configured = l.isConfigured(c)
		kept = row
	}
	if kept == nil {
		w.DeleteAnnounced(what.kind, what.id)
		return nil
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("keep %s %q: %w", what.kind, what.id, err)
	}
	w.PutAnnounced(state.Announced{Kind: what.kind, ID: what.id, Text: string(text)})
	return nil
}

// FormerNode returns the node that an agent which kept this state announced
// itself as, or nil.
func FormerNode(s *state.Snapshot) *state.Node {
	for _, kept := range s.Announced() {
		if kept.Kind == theNode {
			return s.Node(kept.Text)
		}
	}
	return nil
}

// move takes what was announced along when the node has got another name; the
// caller holds the mutex. Sessions stay behind, as with a node of Consul's.
func (l *Local) move(w *state.Writer) error {
	former := FormerNode(&w.Snapshot)
	if former == nil || strings.EqualFold(former.Node, l.node.Node) {
		return l.announceNode(w)
	}
	l.config.Logger.Warn("this node has another name than before: its services and checks come along, its sessions end",
		"was", former.Node, "is", l.node.Node, "sessions", len(w.SessionsOn(former.Node)))
	services, checks := w.ServicesOn(former.Node), w.ChecksOn(former.Node)
	w.DeleteNode(former.Node)
	if err := l.announceNode(w); err != nil {
		return err
	}
	for _, svc := range services {
		if svc.ID == consulService {
			continue
		}
		moved := *svc
		moved.Node = l.node.Node
		if err := w.PutService(moved); err != nil {
			return err
		}
	}
	for _, c := range checks {
		if c.CheckID == state.AgentHealth {
			continue
		}
		moved := *c
		moved.Node = l.node.Node
		if err := w.PutCheck(moved); err != nil {
			return err
		}
	}
	return nil
}

// resume goes on with what was announced before a restart, as it fared then;
// the caller holds the mutex. Checks look at once, and are warming until then.
// What the catalog does not have of it is forgotten, and what it has besides is
// nobody's any more.
func (l *Local) resume(w *state.Writer) error {
	beside := map[string]string{} // of services
	var checks []*state.Announced
	for _, kept := range w.Announced() {
		switch kept.Kind {
		case aService:
			beside[strings.ToLower(kept.ID)] = kept.Text
		case aCheck:
			checks = append(checks, kept)
		}
	}
	there := w.ServicesOn(l.node.Node)
	l.services = make(map[string]*service, len(there))
	for _, svc := range there {
		if text, is := beside[strings.ToLower(svc.ID)]; is || svc.Announced {
			if err := l.resumeService(w, svc, text); err != nil {
				return err
			}
		}
	}
	firstLooks(checks, func(id string) state.Status {
		if now := w.Check(l.node.Node, id); now != nil {
			return now.Status
		}
		return ""
	})
	for _, kept := range checks {
		if err := l.resumeCheck(w, kept); err != nil {
			return err
		}
	}
	for id, d := range l.configured.services {
		if sidecar := l.services[SidecarID(id)]; sidecar != nil && sidecar.isSidecar {
			d.Sidecar = &Sidecar{}
			l.configured.services[id] = d
		}
	}
	l.disown(w)
	return l.keepAnew(w)
}

// resumeService goes on with a service of the catalog; text is what was kept
// beside that, if anything.
func (l *Local) resumeService(w *state.Writer, definition *state.Service, text string) error {
	var row keptService
	if text != "" {
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return fmt.Errorf("service %q: %w", definition.ID, err)
		}
	}
	if !definition.Announced { // an earlier muster kept that beside it
		marked := *definition
		marked.Announced = true
		if err := w.PutService(marked); err != nil {
			return err
		}
		definition = w.Service(l.node.Node, definition.ID)
	}
	if _, virtual := definition.TaggedAddresses[state.VirtualTag]; virtual {
		own := *definition
		own.TaggedAddresses = maps.Clone(own.TaggedAddresses)
		delete(own.TaggedAddresses, state.VirtualTag)
		definition = &own
	}
	svc := &service{
		definition: definition, registered: row.Registered, checks: map[string]*announcedCheck{},
		changed: make(chan struct{}), isSidecar: row.Sidecar, token: row.Token,
	}
	if svc.registered == nil {
		svc.registered = definition.Proxy
	}
	l.services[definition.ID] = svc
	if row.Configured {
		// What it says is another, so that it is announced again, or withdrawn.
		l.configured.services[definition.ID] = Definition{}
	}
	return nil
}

func (l *Local) resumeCheck(w *state.Writer, kept *state.Announced) error {
	var row keptCheck
	if err := json.Unmarshal([]byte(kept.Text), &row); err != nil {
		return fmt.Errorf("check %q: %w", kept.ID, err)
	}
	now := w.Check(l.node.Node, kept.ID)
	if now == nil {
		return nil
	}
	c := Check{
		ID: now.CheckID, Name: now.Name, Notes: now.Notes, ServiceID: now.ServiceID, Interval: now.Interval, Timeout: now.Timeout,
		Definition: row.Definition, DeregisterAfter: row.DeregisterAfter, Token: row.Token,
	}
	if allowed := l.config.RemoteScripts || row.Configured && l.config.LocalScripts; len(row.Definition.ScriptArgs) > 0 && !allowed {
		l.config.Logger.Warn("check forgotten: it runs a program, which is not allowed any more", "check", kept.ID)
		return nil
	}
	svc := l.services[now.ServiceID]
	if now.ServiceID != "" && svc == nil {
		return nil
	}
	own := *now
	own.CreateIndex, own.ModifyIndex = 0, 0 // the catalog's
	goesOn := &announcedCheck{announced: c, now: &own}
	if own.Type != "maintenance" {
		l.warm(goesOn)
	}
	l.run(goesOn, svc)
	if !row.Configured {
		return nil
	}
	if d, is := l.configured.services[c.ServiceID]; is {
		d.Checks = append(d.Checks, c)
		l.configured.services[c.ServiceID] = d
	} else {
		l.configured.checks[kept.ID] = c
	}
	return nil
}

// isConfigured reports whether the configuration announced a check, by itself
// or with its service.
func (l *Local) isConfigured(c *announcedCheck) bool {
	id := c.announced.ID
	if _, itself := l.configured.checks[id]; itself {
		return true
	}
	return slices.ContainsFunc(l.configured.services[c.announced.ServiceID].Checks, func(c Check) bool { return c.ID == id })
}
