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
	of   []state.Instance
	body []byte
	at   []span // of each in body
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
	now := &pieces{of: list, at: make([]span, len(list))}
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
	places := make(map[*state.Service]int, len(p.of))
	for n, instance := range p.of {
		places[instance.Service] = n
	}
	return func(i state.Instance) []byte {
		n, there := places[i.Service]
		if !there || p.of[n].Node != i.Node || !slices.Equal(p.of[n].Checks, i.Checks) {
			return nil
		}
		return p.body[p.at[n].from:p.at[n].to]
	}
}

// size is about how large the next list will be.
func (p *pieces) size() int {
	if p == nil {
		return 0
	}
	return len(p.body) + 256
}
