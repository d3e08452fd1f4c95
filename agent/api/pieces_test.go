package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

// someInstances returns instances with checks, on two nodes.
func someInstances(count int) []state.Instance {
	nodes := []*state.Node{{Node: "a", Address: "10.0.0.1"}, {Node: "b<&>"}}
	list := []state.Instance{}
	for n := range count {
		node := nodes[n%len(nodes)]
		list = append(list, state.Instance{
			Node:    node,
			Service: &state.Service{Node: node.Node, ID: fmt.Sprint(n), Service: "web", Port: n, Tags: []string{"blue"}},
			Checks:  []*state.Check{{Node: node.Node, CheckID: fmt.Sprint("c", n), Status: state.Passing}},
		})
	}
	return list
}

// TestInstancesAreEncodedAsByPackageJSON changes a list again and again, and
// encodes it after itself, whether or not somebody took all of its text.
func TestInstancesAreEncodedAsByPackageJSON(t *testing.T) {
	for _, test := range []struct{ indented, taken bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		indented := test.indented
		var before *pieces
		list := someInstances(5)
		check := func(what string) {
			t.Helper()
			now, err := encodeInstances(slices.Clone(list), before, indented, "")
			if err != nil {
				t.Fatal(err)
			}
			before = now
			if !test.taken {
				if now, err = encodeInstances(list, now, indented, ""); err != nil || !now.same(before) {
					t.Fatalf("%s: the same list is another one, %v", what, err)
				}
			}
			got := now.join()
			if len(got) != now.size {
				t.Errorf("%s, indented %t: it has %d bytes, and not %d", what, indented, len(got), now.size)
			}
			want, err := json.Marshal(list)
			if indented {
				want, err = json.MarshalIndent(list, "", "    ")
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s, indented %t: got\n%s\nwant\n%s", what, indented, got, want)
			}
		}
		check("first")
		check("the same")
		service := *list[2].Service
		service.Port = 99
		list[2].Service = &service
		check("another service")
		node := *list[1].Node
		node.Address = "10.0.0.9"
		list[1].Node, list[3].Node = &node, &node
		check("another node")
		status := *list[4].Checks[0]
		status.Status = state.Critical
		list[4].Checks = []*state.Check{&status}
		check("another check")
		list[0].Checks = append(list[0].Checks, &status)
		check("a check more")
		list[0], list[1] = list[1], list[0]
		check("another order")
		list = list[1:4]
		check("fewer")
		list = append(someInstances(2), list...)
		check("more")
		list = list[:1]
		check("one")
		list = []state.Instance{}
		check("none")
		list = someInstances(3)
		check("some after none")
	}
}

// What a change of one instance costs, and what the whole list would.
func BenchmarkEncodeInstances(b *testing.B) {
	list := someInstances(50)
	before, err := encodeInstances(list, nil, true, "")
	if err != nil {
		b.Fatal(err)
	}
	for name, after := range map[string]*pieces{"one": before, "all": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				service := *list[7].Service
				list[7].Service = &service
				if _, err := encodeInstances(list, after, true, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestFewOfMany: who is left of a long list does not hold the text of all of it.
func TestFewOfMany(t *testing.T) {
	list := someInstances(100)
	left, err := encodeInstances(list, nil, false, "")
	if err != nil {
		t.Fatal(err)
	}
	text := left.join()
	for n := len(list) - 1; n > 0; n-- {
		if left, err = encodeInstances(list[:n], left, false, ""); err != nil {
			t.Fatal(err)
		}
		if of := left.texts.Load().of; of > 2*left.size {
			t.Errorf("%d instances of %d bytes hold a text of %d", n, left.size, of)
		}
	}
	clear(text)
	if want, err := json.Marshal(list[:1]); err != nil || string(left.join()) != string(want) {
		t.Errorf("the last one is a part of the text of all")
	}
}

// TestPlaces compares what finds instances, and the delta that is made with it, with
// looking at all of a list.
func TestPlaces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for range 1000 {
		list := someInstances(random.IntN(8))
		after := slices.Clone(list)
		for range random.IntN(4) {
			if len(after) == 0 {
				after = someInstances(2)
			}
			n := random.IntN(len(after))
			switch random.IntN(5) {
			case 0:
				s := *after[n].Service
				s.Port += 100
				after[n].Service = &s
			case 1:
				after = slices.Delete(after, n, n+1)
			case 2:
				i := someInstances(1)[0]
				i.Service.ID = fmt.Sprint("new", random.IntN(3))
				after = slices.Insert(after, n, i)
			case 3:
				m := random.IntN(len(after))
				after[n], after[m] = after[m], after[n]
			case 4:
				after[n].Checks = append(slices.Clone(after[n].Checks), after[0].Checks...)
			}
		}
		find := places(list)
		for _, i := range after {
			want := slices.IndexFunc(list, func(o state.Instance) bool {
				return o.Node == i.Node && o.Service == i.Service && slices.Equal(o.Checks, i.Checks)
			})
			got, there := find(i)
			if there != (want >= 0) || there && got != want {
				t.Fatalf("got %d %t, want %d", got, there, want)
			}
		}
		a, err := encodeInstances(list, nil, false, "")
		if err != nil {
			t.Fatal(err)
		}
		if random.IntN(2) == 0 {
			a.join()
		}
		b, err := encodeInstances(after, a, false, "\n")
		if err != nil {
			t.Fatal(err)
		}
		delta := b.appendSince(nil, list)
		whole := string(b.join())
		if len(whole) != b.size {
			t.Fatalf("it has %d bytes, and not %d", len(whole), b.size)
		}
		if got := applied(t, string(a.join()), string(delta)); got+"\n" != whole {
			t.Fatalf("got %s want %s", got, whole)
		}
	}
}

// applied returns the list that a delta makes of one.
func applied(t *testing.T, base, delta string) string {
	t.Helper()
	var had, parts, all []json.RawMessage
	if err := json.Unmarshal([]byte(base), &had); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(delta), &parts); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if p[0] == '[' {
			var at [2]int
			if err := json.Unmarshal(p, &at); err != nil {
				t.Fatal(err)
			}
			all = append(all, had[at[0]:at[0]+at[1]]...)
		} else {
			all = append(all, p)
		}
	}
	var out strings.Builder
	out.WriteString("[")
	for n, p := range all {
		if n > 0 {
			out.WriteString(",")
		}
		out.Write(p)
	}
	return out.String() + "]"
}

// TestPiecesAreTight: what nobody takes as a whole is about as large in memory as it
// counts.
func TestPiecesAreTight(t *testing.T) {
	for _, indent := range []bool{false, true} {
		list := someInstances(100)
		now, err := encodeInstances(list, nil, indent, "")
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, piece := range now.texts.Load().each {
			held += cap(piece)
		}
		if held > now.size*5/4 {
			t.Errorf("indented %t: %d bytes counted, %d held", indent, now.size, held)
		}
	}
}
