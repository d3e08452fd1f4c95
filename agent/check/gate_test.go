package check

import (
	"slices"
	"testing"
)

func TestGate(t *testing.T) {
	g := newGate[string](2)
	var inside []string
	enter := func(who string) {
		if g.enter(who) {
			inside = append(inside, who)
		}
	}
	leave := func(who string) {
		if next, ok := g.leave(who); ok {
			inside = append(inside, next)
		}
	}
	for _, who := range []string{"a", "b", "c", "d"} {
		enter(who)
	}
	if want := []string{"a", "b"}; !slices.Equal(inside, want) {
		t.Fatalf("%v are inside, want %v", inside, want)
	}
	leave("b")
	leave("b") // who has left makes no more room
	leave("x") // nor does who never came
	if want := []string{"a", "b", "c"}; !slices.Equal(inside, want) {
		t.Errorf("%v were inside after one left, want %v", inside, want)
	}
	leave("a")
	leave("c")
	leave("d")
	enter("e")
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(inside, want) {
		t.Errorf("%v were inside, want %v: everyone in turn", inside, want)
	}
}
