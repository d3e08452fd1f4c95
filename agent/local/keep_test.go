package local

import (
	"testing"
	"testing/synctest"

	"github.com/realjf/muster/agent/state"
)

// TestResumeKnowsItsServices: a restart goes on with what the agent announced,
// whether that is said in the row or, as an earlier muster did, beside it; not
// with what others put on its node.
func TestResumeKnowsItsServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := state.New()
		node := state.Node{Node: "n1", Address: "10.0.0.1"}
		err := store.Write(func(w *state.Writer) error {
			if err := w.PutNode(node); err != nil {
				return err
			}
			for _, svc := range []state.Service{
				{Node: "n1", ID: "said", Service: "web", Announced: true},
				{Node: "n1", ID: "beside", Service: "web"},
				{Node: "n1", ID: "foreign", Service: "web"},
			} {
				if err := w.PutService(svc); err != nil {
					return err
				}
			}
			w.PutAnnounced(state.Announced{Kind: aService, ID: "beside", Text: `{"Registered":null}`})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // lives
			l, err := New(store, node, Config{Keep: true})
			if err != nil {
				t.Fatal(err)
			}
			var got string
			services, _ := l.Services()
			for _, svc := range services {
				got += svc.ID + " "
			}
			if want := "beside said "; got != want {
				t.Errorf("announced are %q, want %q", got, want)
			}
			s := store.Snapshot()
			if s.Service("n1", "foreign") != nil {
				t.Error("what nobody announces is still there")
			}
			if kept := s.Announced(); len(kept) != 1 || kept[0].Kind != theNode {
				t.Errorf("kept beside the catalog is %+v, want the node alone", kept)
			}
		}
	})
}
