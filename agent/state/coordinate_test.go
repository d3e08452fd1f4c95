package state

import (
	"math"
	"testing"
)

func TestDistance(t *testing.T) {
	at := func(x, height, adjustment float64) Coord {
		c := Origin()
		c.Vec[0], c.Height, c.Adjustment = x, height, adjustment
		return c
	}
	for _, tc := range []struct {
		name string
		a, b Coord
		want float64
	}{
		{"apart", at(0.1, 0, 0), at(0.4, 0, 0), 0.3},
		{"with heights", at(0, 0.01, 0), at(0.1, 0.02, 0), 0.13},
		{"adjusted", at(0, 0.01, -0.005), at(0.1, 0.01, -0.005), 0.11},
		{"adjusted below zero", at(0, 0.01, -1), at(0, 0.01, 0), 0.02},
	} {
		if got := tc.a.Distance(tc.b); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestCoordinatesGoWithTheirNodes(t *testing.T) {
	s := New()
	put := func(w *Writer) error {
		w.PutNode(Node{Node: "n1"})
		w.PutCoordinate(Coordinate{Node: "N1", Coord: Origin()})
		w.PutCoordinate(Coordinate{Node: "none", Coord: Origin()})
		return nil
	}
	if err := s.Write(put); err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Coordinates(); len(got) != 1 || got[0].Node != "n1" {
		t.Errorf("got %d coordinates, want the one of the node that is there", len(got))
	}
	_, index, changed := s.Look(AllCoordinates)
	if err := s.Write(func(w *Writer) error { w.DeleteNode("n1"); return nil }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("who waited did not hear that a coordinate went")
	}
	snapshot, now, _ := s.Look(AllCoordinates)
	if len(snapshot.Coordinates()) != 0 || now <= index {
		t.Errorf("got %d coordinates at index %d after %d", len(snapshot.Coordinates()), now, index)
	}
}

func TestDistancesOfWhatIsNotKnown(t *testing.T) {
	s := New()
	err := s.Write(func(w *Writer) error {
		w.PutNode(Node{Node: "n1"})
		w.PutNode(Node{Node: "n2"})
		w.PutCoordinate(Coordinate{Node: "n1", Coord: Origin()})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Snapshot().Distances("n2") != nil {
		t.Error("there are distances from a node of which nothing is known")
	}
	distance := s.Snapshot().Distances("N1")
	if got := distance("n2"); !math.IsInf(got, 1) {
		t.Errorf("a node of which nothing is known is %v away", got)
	}
	if got := distance("n1"); got > 0.001 {
		t.Errorf("a node is %v away from itself", got)
	}
}
