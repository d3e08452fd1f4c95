package check

import "sync"

// gate lets a bounded number in at once, and the others in the order in which
// they came. It is safe for concurrent use. The zero value lets nobody in.
type gate[T comparable] struct {
	most int

	mu      sync.Mutex
	inside  map[T]bool
	waiting []T
}

func newGate[T comparable](most int) *gate[T] {
	return &gate[T]{most: most, inside: map[T]bool{}}
}

// enter reports whether who may go in at once. Who may not waits, and is
// returned by a later leave.
func (g *gate[T]) enter(who T) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.inside) >= g.most {
		g.waiting = append(g.waiting, who)
		return false
	}
	g.inside[who] = true
	return true
}

// leave makes room for the next, who is inside now; false when nobody waits,
// or when who has left before.
func (g *gate[T]) leave(who T) (next T, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.inside[who] {
		return next, false
	}
	delete(g.inside, who)
	if len(g.waiting) == 0 {
		return next, false
	}
	next, g.waiting = g.waiting[0], g.waiting[1:]
	g.inside[next] = true
	return next, true
}
