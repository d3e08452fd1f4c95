package api

import (
	"encoding/json"
	"slices"

	"github.com/realjf/muster/agent/state"
)

// pieces are the instances of an encoded list, and where each stands in it.
// Rows of the state never change: an instance of the same rows is encoded as
// before, and when one of many changes only that one is encoded anew.
type pieces struct {
	edition
	body   []byte
	at     []span    // of each in body
	past   []edition // before this one, the latest first
	deltas deltasTo
}

type span struct{ from, to int }

// encodeInstances returns the JSON of a list of instances, as package json
// writes it, with or without indentation, and its pieces, which keep the list.
// Those of the list that was there before may be nil.
func encodeInstances(list []state.Instance, before *pieces, indented bool) ([]byte, *pieces, error) {
	begin, between, end := "[", ",", "]"
	encode := func(i state.Instance) ([]byte, error) { return json.Marshal(i) }
	if indented && len(list) > 0 {
		begin, between, end = "[\n    ", ",\n    ", "\n]"
		encode = func(i state.Instance) ([]byte, error) { return json.MarshalIndent(i, "    ", "    ") }
	}
	known := before.find()
	now := &pieces{edition: edition{of: list}, at: make([]span, len(list)), past: before.editions()}
	body := make([]byte, 0, before.size())
	body = append(body, begin...)
	for n, instance := range list {
		if n > 0 {
			body = append(body, between...)
		}
		piece := known(instance)
		if piece == nil {
			var err error
			if piece, err = encode(instance); err != nil {
				return nil, nil, err
			}
		}
		if before == nil && n == 0 {
			body = slices.Grow(body, (len(piece)+len(between))*len(list))
		}
		from := len(body)
		body = append(body, piece...)
		now.at[n] = span{from, len(body)}
	}
	now.body = append(body, end...)
	return now.body, now, nil
}

// find returns a function that gives the JSON of an instance, or nil when it
// is not among the pieces as it is.
func (p *pieces) find() func(state.Instance) []byte {
	if p == nil {
		return func(state.Instance) []byte { return nil }
	}
	find := places(p.of)
	return func(i state.Instance) []byte {
		if n, there := find(i); there {
			return p.piece(n)
		}
		return nil
	}
}

// piece is the JSON of the n-th instance.
func (p *pieces) piece(n int) []byte { return p.body[p.at[n].from:p.at[n].to] }

// places returns a function that finds an instance in a list where it is the same,
// of the same rows.
func places(list []state.Instance) func(state.Instance) (n int, there bool) {
	at := make(map[*state.Service]int, len(list))
	for n, instance := range list {
		at[instance.Service] = n
	}
	return func(i state.Instance) (int, bool) {
		n, there := at[i.Service]
		return n, there && list[n].Node == i.Node && slices.Equal(list[n].Checks, i.Checks)
	}
}

// editions are the lists that a reader may have when the next one is made.
func (p *pieces) editions() []edition {
	if p == nil {
		return nil
	}
	return append([]edition{p.edition}, p.past[:min(len(p.past), remembered-1)]...)
}

// size is about how large the next list will be.
func (p *pieces) size() int {
	if p == nil {
		return 0
	}
	return len(p.body) + 256
}
