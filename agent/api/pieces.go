package api

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync/atomic"

	"github.com/realjf/muster/agent/state"
)

// pieces are the instances of a list, each in JSON. Rows of the state never
// change: an instance of the same rows is encoded as before, and when one of many
// changes only that one is encoded anew. Its methods may be called concurrently,
// and what find returns may not.
type pieces struct {
	edition
	form
	size   int // of the whole list's text
	texts  atomic.Pointer[texts]
	past   []edition // before this one, the latest first
	deltas deltasTo
}

// texts are those of the instances of a list.
type texts struct {
	each [][]byte
	of   int // the size of a list's text that some are parts of, and hold; 0 for none
}

// form is what stands around the pieces of a list.
type form struct{ begin, between, end string }

var (
	compact  = form{"[", ",", "]"}
	indented = form{"[\n    ", ",\n    ", "\n]"}
)

// encodeInstances returns the pieces of a list of instances, which keep it, as
// package json writes them, with or without indentation, and what the text ends
// with. Those of the list that was there before may be nil.
func encodeInstances(list []state.Instance, before *pieces, indent bool, end string) (*pieces, error) {
	now := &pieces{edition: edition{of: list}, form: compact, past: before.editions()}
	encode := func(i state.Instance) ([]byte, error) { return json.Marshal(i) }
	if indent && len(list) > 0 {
		now.form = indented
		encode = func(i state.Instance) ([]byte, error) {
			long, err := json.MarshalIndent(i, "    ", "    ")
			return bytes.Clone(long), err // which has room for twice as much
		}
	}
	now.end += end
	known, of := before.find()
	each := make([][]byte, len(list))
	now.size = len(now.begin) + len(now.between)*max(len(list)-1, 0) + len(now.end)
	for n, instance := range list {
		if each[n] = known(instance); each[n] == nil {
			var err error
			if each[n], err = encode(instance); err != nil {
				return nil, err
			}
		}
		now.size += len(each[n])
	}
	if of > 2*now.size { // few are left of many, and hold the text of all
		for n := range each {
			each[n] = bytes.Clone(each[n])
		}
		of = 0
	}
	now.texts.Store(&texts{each, of})
	return now, nil
}

// join makes the whole list's text, another one each time. The pieces are parts of
// it from then on, so that they are in memory once.
func (p *pieces) join() []byte {
	all := make([]byte, 0, p.size)
	each := slices.Clone(p.texts.Load().each)
	all = append(all, p.begin...)
	for n, piece := range each {
		if n > 0 {
			all = append(all, p.between...)
		}
		from := len(all)
		all = append(all, piece...)
		each[n] = all[from:len(all):len(all)]
	}
	p.texts.Store(&texts{each, p.size})
	return append(all, p.end...)
}

// same reports whether two lists have the same text.
func (p *pieces) same(other *pieces) bool {
	return p.form == other.form && slices.EqualFunc(p.texts.Load().each, other.texts.Load().each, bytes.Equal)
}

// find returns a function that gives the JSON of an instance, or nil when it
// is not among the pieces as it is, and what that is a part of: see [texts].
func (p *pieces) find() (known func(state.Instance) []byte, of int) {
	if p == nil {
		return func(state.Instance) []byte { return nil }, 0
	}
	find, texts := places(p.edition.of), p.texts.Load()
	return func(i state.Instance) []byte {
		if n, there := find(i); there {
			return texts.each[n]
		}
		return nil
	}, texts.of
}

// places returns a function that finds an instance in a list where it is the same,
// of the same rows. It is quickest for instances in the order of the list, and
// may not be called concurrently.
func places(list []state.Instance) func(state.Instance) (n int, there bool) {
	next := 0 // where the one that follows the last is
	var at map[*state.Service]int
	return func(i state.Instance) (int, bool) {
		n := next
		if n == len(list) || !isOfSame(list[n], i) {
			if at == nil {
				at = byService(list)
			}
			var there bool
			if n, there = at[i.Service]; !there {
				return 0, false
			}
		}
		next = n + 1
		return n, list[n].Node == i.Node && list[n].Service == i.Service && slices.Equal(list[n].Checks, i.Checks)
	}
}

// isOfSame reports whether two instances are the same service's on the same node,
// whatever became of it.
func isOfSame(a, b state.Instance) bool {
	return a.Service == b.Service || a.Service.ID == b.Service.ID && a.Service.Node == b.Service.Node
}

func byService(list []state.Instance) map[*state.Service]int {
	at := make(map[*state.Service]int, len(list))
	for n, instance := range list {
		at[instance.Service] = n
	}
	return at
}

// editions are the lists that a reader may have when the next one is made.
func (p *pieces) editions() []edition {
	if p == nil {
		return nil
	}
	return append([]edition{p.edition}, p.past[:min(len(p.past), remembered-1)]...)
}
