package state

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Coordinate is where a node lies in the network, by somebody's measurements.
// Its fields and their JSON are those of Consul's /v1/coordinate.
type Coordinate struct {
	Node    string
	Segment string // always empty: segments are of Consul Enterprise
	Coord   Coord
}

// Coord is a point in a space whose distances are round-trip times in seconds.
// https://developer.hashicorp.com/consul/docs/architecture/coordinates
type Coord struct {
	Vec        []float64
	Error      float64
	Adjustment float64
	Height     float64 // what every path from here has in common
}

// Dimensions is how many a Vec has.
const Dimensions = 8

// Origin is where a node lies of which nothing was measured yet.
func Origin() Coord {
	return Coord{Vec: make([]float64, Dimensions), Error: 1.5, Height: 10e-6}
}

// Valid reports whether all numbers are finite.
func (c Coord) Valid() bool {
	for _, number := range append([]float64{c.Error, c.Adjustment, c.Height}, c.Vec...) {
		if math.IsNaN(number) || math.IsInf(number, 0) {
			return false
		}
	}
	return true
}

// Distance returns the round-trip time between two points, in seconds.
func (c Coord) Distance(d Coord) float64 {
	squares := 0.0
	for n := range min(len(c.Vec), len(d.Vec)) {
		squares += (c.Vec[n] - d.Vec[n]) * (c.Vec[n] - d.Vec[n])
	}
	distance := math.Sqrt(squares) + c.Height + d.Height
	if adjusted := distance + c.Adjustment + d.Adjustment; adjusted > 0 {
		return adjusted
	}
	return distance
}

func (c Coord) same(d Coord) bool {
	return slices.Equal(c.Vec, d.Vec) && c.Error == d.Error && c.Adjustment == d.Adjustment && c.Height == d.Height
}

// Coordinate returns where the node lies, or nil.
func (s *Snapshot) Coordinate(node string) *Coordinate {
	return s.coordinates.get(folded(node))
}

// Coordinates returns where every node lies that has a coordinate.
func (s *Snapshot) Coordinates() []*Coordinate {
	return s.coordinates.all()
}

// Distances returns a function that gives the distance of a node, by its name,
// from the node origin: infinite while nothing is known of it. It returns nil
// when nothing is known of the origin.
func (s *Snapshot) Distances(origin string) func(node string) float64 {
	here := s.Coordinate(origin)
	if here == nil {
		return nil
	}
	known := map[string]float64{}
	for _, there := range s.Coordinates() {
		known[strings.ToLower(there.Node)] = here.Coord.Distance(there.Coord)
	}
	return func(node string) float64 {
		if distance, ok := known[strings.ToLower(node)]; ok {
			return distance
		}
		return math.Inf(1)
	}
}

// Nearest returns the elements of list by the distance of their nodes from
// near, and as they are when near is empty or nothing is known of it. The list
// is the caller's own, and is ordered in place.
func Nearest[T any](s *Snapshot, near string, list []T, node func(T) string) []T {
	if near == "" {
		return list
	}
	if distance := s.Distances(near); distance != nil {
		slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(distance(node(a)), distance(node(b))) })
	}
	return list
}

// PutCoordinate stores where a node lies. It does nothing when the node is not
// there: whoever measures may be late.
func (w *Writer) PutCoordinate(c Coordinate) {
	node := w.Node(c.Node)
	if node == nil {
		return
	}
	c.Node = node.Node
	if old := w.Coordinate(c.Node); old != nil && old.Coord.same(c.Coord) {
		return
	}
	w.coordinates.put(&c)
	w.touch(AllCoordinates)
}

// deleteCoordinate forgets where a node lay.
func (w *Writer) deleteCoordinate(node string) {
	if old := w.Coordinate(node); old != nil {
		w.coordinates.remove(old)
		w.touch(AllCoordinates)
	}
}
