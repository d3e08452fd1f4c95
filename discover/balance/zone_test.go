package balance

import (
	"maps"
	"math"
	"testing"

	"github.com/realjf/muster/discover"
)

func TestSpillOver(t *testing.T) {
	for _, test := range []struct {
		name              string
		callers, capacity map[string]float64
		stay              float64
		spill             map[string]float64
	}{
		{"even", map[string]float64{"a": 1, "b": 1}, map[string]float64{"a": 5, "b": 5}, 1, nil},
		{"more than enough", map[string]float64{"a": 1, "b": 1}, map[string]float64{"a": 9, "b": 1}, 1, nil},
		{"half of what it needs", map[string]float64{"a": 1, "b": 1}, map[string]float64{"a": 1, "b": 3}, 0.5, map[string]float64{"b": 0.5}},
		{"no target", map[string]float64{"a": 1, "b": 1}, map[string]float64{"b": 3}, 0, map[string]float64{"b": 1}},
		{"to those that have some left, in its ratio", map[string]float64{"a": 1, "b": 1, "c": 1, "d": 1}, map[string]float64{"a": 1, "b": 4, "c": 3, "d": 2},
			0.4, map[string]float64{"b": 0.45, "c": 0.15}},
		{"callers are elsewhere", map[string]float64{"a": 3, "b": 1}, map[string]float64{"a": 1, "b": 1}, 2.0 / 3, map[string]float64{"b": 1.0 / 3}},
		{"to a zone of nobody's", map[string]float64{"a": 1}, map[string]float64{"a": 1, "": 3}, 0.25, map[string]float64{"": 0.75}},
	} {
		stay, spill := spillOver("a", test.callers, test.capacity)
		if math.Abs(stay-test.stay) > 1e-12 || !maps.EqualFunc(spill, test.spill, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) && test.name != "to those that have some left, in its ratio" {
			t.Errorf("%s: stay %v, spill %v; want %v and %v", test.name, stay, spill, test.stay, test.spill)
		}
	}
}

// However callers and targets are spread, all callers together give each target
// what its weight says.
func TestZonesTogetherLoadAllAlike(t *testing.T) {
	callers := map[string]float64{"a": 10, "b": 4, "c": 1}
	all := some(12, func(i int, instance *discover.Instance) {
		instance.Weights.Passing = 1 + i%3
		switch {
		case i < 4:
			instance.Meta = map[string]string{"zone": "a"}
		case i < 10:
			instance.Locality.Zone = "b"
		case i < 11:
			instance.Locality.Zone = "c"
		}
	})
	load := map[string]float64{}
	for own, count := range callers {
		policy := ZoneOfCallers(own, func() map[string]float64 { return callers }, Random())
		p, ok := newScene().plan(policy, all).Picker.(*zonePicker)
		if !ok {
			t.Fatalf("zone %s has no targets of its own", own)
		}
		stay := float64(p.stay) / math.MaxUint64
		for picker, share := range map[Picker]float64{p.near: stay, p.far: 1 - stay} {
			w := picker.(*randomPicker).wheel
			for _, slot := range w.slots {
				load[slot.target.ID] += count * share * float64(slot.width) / float64(w.total)
			}
		}
	}
	sum := 0
	for _, instance := range all {
		sum += instance.Weights.Passing
	}
	for _, instance := range all {
		within(t, "load of "+instance.ID, load[instance.ID], 15*float64(instance.Weights.Passing)/float64(sum), 1e-6)
	}
}

func TestZonePicksExactly(t *testing.T) {
	all := some(8, func(i int, instance *discover.Instance) {
		instance.Meta = map[string]string{"zone": "far"}
		if i < 2 {
			instance.Meta = map[string]string{"zone": "near"}
		}
	})
	p := newScene().plan(Zone("near", RoundRobin()), all).Picker.(*zonePicker)
	near := 0.0
	const picks = 10_000
	for chance, n := evenly(), 0; n < picks; n++ {
		if p.choose(Request{}, chance()).Meta["zone"] == "near" {
			near++
		}
	}
	// A quarter of the targets is for half of the callers.
	within(t, "calls that stay", near, picks/2, 0.001)

	for key := uint64(1); key < 100; key++ {
		r := Request{Key: key}
		first := p.Pick(r).Meta["zone"]
		for range 5 {
			if again := p.Pick(r).Meta["zone"]; again != first {
				t.Fatalf("key %d went to the zone %s, then to %s", key, first, again)
			}
		}
	}
}

func TestZoneThatSufficesKeepsAllButWhoTriedIt(t *testing.T) {
	all := some(6, func(i int, instance *discover.Instance) {
		instance.Meta = map[string]string{"zone": map[bool]string{true: "near", false: "far"}[i < 3]}
	})
	p := newScene().plan(Zone("near", LeastRequest()), all).Picker
	var r Request
	for range 3 {
		target := p.Pick(r)
		if target.Meta["zone"] != "near" {
			t.Fatalf("with %d tried it went away", len(r.Tried))
		}
		r.Tried = append(r.Tried, target)
	}
	if target := p.Pick(r); target.Meta["zone"] != "far" {
		t.Errorf("after all of the own zone were tried: got %s again", target.ID)
	}
}
