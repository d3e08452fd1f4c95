package local

import (
	"strings"

	"github.com/realjf/muster/agent/state"
)

// Restore writes everything announced into the state again, where somebody
// else removed or changed it: what an agent of Consul's does from time to time
// (https://developer.hashicorp.com/consul/docs/architecture/anti-entropy).
func (l *Local) Restore() error { return l.find(l.restore) }

// Adopt puts a saved state in place of the store's, and puts right what that
// says of this node, at the same moment: what it announced is there, and what
// it does not know is gone. So are nodes that were agents themselves when the
// state was saved: nobody would look after their services any more.
func (l *Local) Adopt(saved *state.Saved) error {
	return l.store.Restore(saved, func(w *state.Writer) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.disown(w)
		if err := l.follow(w); err != nil {
			return err
		}
		if err := l.restore(w); err != nil {
			return err
		}
		return l.keepAnew(w)
	})
}

// restore is Restore within a change.
func (l *Local) restore(w *state.Writer) error {
	if err := l.announceNode(w); err != nil {
		return err
	}
	for id, s := range l.services {
		if w.Service(l.node.Node, id) == s.definition {
			continue // the catalog's own row, as it is for most
		}
		if err := w.PutService(*s.definition); err != nil {
			return err
		}
	}
	for _, c := range l.checks {
		right := *c.now
		if there := w.Check(l.node.Node, right.CheckID); there != nil && there.Status == right.Status {
			right.Output = there.Output // which may be older, see newsworthy
		}
		if err := w.PutCheck(right); err != nil {
			return err
		}
	}
	return nil
}

// disown removes what this node did not announce from it, and the nodes of
// other agents. An agent that had this one's name was this one, in an earlier
// life.
func (l *Local) disown(w *state.Writer) {
	w.IdentifyNode(l.node.Node, l.node.ID)
	for _, node := range w.Nodes() {
		if !strings.EqualFold(node.Node, l.node.Node) && w.Check(node.Node, state.AgentHealth) != nil {
			w.DeleteNode(node.Node)
		}
	}
	for _, svc := range w.ServicesOn(l.node.Node) {
		if svc.ID != consulService && l.services[svc.ID] == nil {
			w.DeleteService(l.node.Node, svc.ID)
		}
	}
	for _, check := range w.ChecksOn(l.node.Node) {
		if check.CheckID != state.AgentHealth && l.checks[check.CheckID] == nil {
			w.DeleteCheck(l.node.Node, check.CheckID)
		}
	}
}
