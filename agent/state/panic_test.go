package state

import (
	"errors"
	"testing"
)

// TestPanicHoldsNobodyUp: who shared a commit with a change that panics is told
// that nothing was written, and others write on.
func TestPanicHoldsNobodyUp(t *testing.T) {
	store := New()
	put := func(name string) func(*Writer) error {
		return func(w *Writer) error { return w.PutNode(Node{Node: name, Address: "10.0.0.1"}) }
	}
	first := &pending{change: func(*Writer) error { panic("a fault") }, turn: make(chan bool, 1)}
	second := &pending{change: put("second"), turn: make(chan bool, 1)}
	if !store.commits.enter(first) || store.commits.enter(second) {
		t.Fatal("the first does not lead alone")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was kept from who caused it")
			}
		}()
		store.lead(store.commits.take())
	}()
	if leads := <-second.turn; leads || !errors.Is(second.err, errPanicked) || store.Snapshot().Node("second") != nil {
		t.Errorf("who shared the commit was told %t, %v", leads, second.err)
	}
	if err := store.Write(put("third")); err != nil || store.Snapshot().Node("third") == nil {
		t.Errorf("the next write: %v", err)
	}
}
