package state

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// TestRestoreAmongWriters restores again and again while others write and
// read: nobody ever sees one half of a state, and what is kept is what is
// there.
func TestRestoreAmongWriters(t *testing.T) {
	// Of a generation say the node's address, a service's name and a key.
	generation := func(w *Writer, name string) error {
		w.Put("generation", []byte(name), 0)
		if err := w.PutNode(Node{Node: "n1", Address: name}); err != nil {
			return err
		}
		return w.PutService(Service{Node: "n1", ID: "web", Service: name})
	}
	saved := func(name string) []byte {
		s := New()
		write(t, s, func(w *Writer) error { return generation(w, name) })
		return save(t, s.Snapshot())
	}
	files := [][]byte{saved("restored-1"), saved("restored-2")}

	k := &keeper{}
	s := Resume(Blank(), k)
	write(t, s, func(w *Writer) error { return generation(w, "first") })
	var others sync.WaitGroup
	for n := range 4 {
		others.Go(func() { // ends by itself; awaited below
			for m := range 100 {
				name := fmt.Sprintf("written-%d-%d", n, m)
				if err := s.Write(func(w *Writer) error { return generation(w, name) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	over := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { // ends with over; awaited below
		last := uint64(0)
		for {
			now, index, _ := s.Look(Everything)
			if got := generations(now); got[0] != got[1] || got[1] != got[2] {
				t.Errorf("seen at once: %q", got)
			}
			if index < last {
				t.Errorf("the index went from %d to %d", last, index)
			}
			last = index
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for n := range 50 {
		if err := s.Restore(load(t, files[n%2]), nothingMore); err != nil {
			t.Error(err)
		}
	}
	others.Wait()
	close(over)
	reader.Wait()
	if got, want := save(t, k.kept(t).Snapshot()), save(t, s.Snapshot()); !bytes.Equal(got, want) {
		t.Errorf("kept is\n%s\nand there is\n%s", got, want)
	}
}

// generations returns what a state says of its generation.
func generations(s *Snapshot) [3]string {
	entry, _, _ := s.Entry("generation")
	return [3]string{string(entry.Value), s.Node("n1").Address, s.Service("n1", "web").Service}
}
