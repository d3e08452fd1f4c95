package local

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/state"
)

// TestAdoptPutsItsOwnNodeRight restores a state in which this node had a
// service that it has withdrawn since, and not yet the one that it has now, in
// which another agent was there, and a node without one.
func TestAdoptPutsItsOwnNodeRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		register(t, l, "withdrawn", ttl(time.Hour))
		register(t, l, "kept", ttl(time.Hour))
		err := store.Write(func(w *state.Writer) error {
			w.PutNode(state.Node{Node: "external", Address: "10.0.0.2"})
			w.PutNode(state.Node{Node: "other", Address: "10.0.0.3"})
			w.Put("key", []byte("saved"), 0)
			if err := w.PutService(state.Service{Node: "external", ID: "db", Service: "db"}); err != nil {
				return err
			}
			return w.PutCheck(state.Check{Node: "other", CheckID: "serfHealth", Status: state.Passing})
		})
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := store.Snapshot().Save(&file); err != nil {
			t.Fatal(err)
		}
		if err := l.Deregister("withdrawn"); err != nil {
			t.Fatal(err)
		}
		register(t, l, "new", ttl(time.Hour))
		if err := l.UpdateTTL("service:kept", state.Passing, "well"); err != nil {
			t.Fatal(err)
		}
		saved, err := state.Load(&file)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Adopt(saved); err != nil {
			t.Fatal(err)
		}

		s := store.Snapshot()
		services := ""
		for _, svc := range s.Services() {
			services += svc.Node + "/" + svc.ID + " "
		}
		if want := "external/db n1/consul n1/kept n1/new "; services != want {
			t.Errorf("got the services %q, want %q", services, want)
		}
		if s.Node("other") != nil {
			t.Error("another agent's node is still there")
		}
		if entry, _, _ := s.Entry("key"); entry == nil {
			t.Error("the key is not there")
		}
		for id, want := range map[string]state.Status{
			"service:kept": state.Passing, "service:new": state.Critical, "service:withdrawn": "", "serfHealth": state.Passing,
		} {
			if got := status(store, id); got != want {
				t.Errorf("check %s is %q, want %q", id, got, want)
			}
		}
		// What was announced goes on as before.
		if err := l.UpdateTTL("service:new", state.Passing, ""); err != nil || status(store, "service:new") != state.Passing {
			t.Errorf("report: %v, and the check is %q", err, status(store, "service:new"))
		}
		if err := l.Deregister("kept"); err != nil {
			t.Error(err)
		}
	})
}
