package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/realjf/muster/agent/state"
)

// Who follows a list of instances has all of it but for what changed, and may ask
// for that alone in HTTP's own way (RFC 3229): it says in A-IM that it knows this
// kind of change, and in If-None-Match which list it has, by its tag. It is
// answered 226 with a list in which new instances stand, and for those that it has
// [from, count]: so many of its own list's, from the from-th on, which begins with
// the 0th. Whose list is not remembered is answered with all of it.

// deltas is the name of this kind of change in A-IM and IM.
const deltas = "muster-instances"

// remembered is how many lists before the present one are. Readers have the last
// one, or one before that where changes come in quick succession.
const remembered = 4

// edition is a list that a reader may have.
type edition struct {
	tag string // an entity tag; no other list has it
	of  []state.Instance
}

// tags gives each list one that no other has, in this life of the registry or
// another.
type tags struct {
	life  uint64
	count atomic.Uint64
}

func newTags() *tags { return &tags{life: rand.Uint64()} }

func (t *tags) next() string {
	return fmt.Sprintf(`"muster-%x-%x"`, t.life, t.count.Add(1))
}

// deltasTo are those to one list, by the tag of the one before. They are made when
// the first reader asks, and serve them all.
type deltasTo struct {
	mu   sync.Mutex
	from map[string]text
}

// since returns the delta from the list with a tag to this one, if that is
// remembered.
func (p *pieces) since(tag string) (delta text, is bool) {
	before := p.known(tag)
	if before == nil {
		return text{}, false
	}
	p.deltas.mu.Lock()
	defer p.deltas.mu.Unlock()
	if delta, is = p.deltas.from[tag]; !is {
		delta = textOf(p.appendSince(nil, before.of))
		if p.deltas.from == nil {
			p.deltas.from = map[string]text{}
		}
		p.deltas.from[tag] = delta
	}
	return delta, true
}

// appendSince appends the delta from the list before to this one.
func (p *pieces) appendSince(out []byte, before []state.Instance) []byte {
	find, each := places(before), p.texts.Load().each
	from, count := 0, 0 // of the list before, as far as it goes on without a gap
	begin := func() {
		if out[len(out)-1] != '[' {
			out = append(out, ',')
		}
	}
	finish := func() {
		if count == 0 {
			return
		}
		begin()
		out = append(out, '[')
		out = strconv.AppendInt(out, int64(from), 10)
		out = append(out, ',')
		out = strconv.AppendInt(out, int64(count), 10)
		out = append(out, ']')
		count = 0
	}
	out = append(out, '[')
	for n, instance := range p.of {
		at, has := find(instance)
		if !has || at != from+count {
			finish()
		}
		if has {
			if count == 0 {
				from = at
			}
			count++
			continue
		}
		begin()
		out = append(out, each[n]...)
	}
	finish()
	return append(out, ']')
}

// asksForDeltas reports whether a client that says this in A-IM knows them.
func asksForDeltas(manipulations string) bool {
	for one := range strings.SplitSeq(manipulations, ",") {
		if strings.TrimSpace(one) == deltas {
			return true
		}
	}
	return false
}

// deltaFrom returns the tag of the list that a client has and wants a delta from;
// empty for who wants none.
func deltaFrom(r *http.Request) string {
	if !asksForDeltas(r.Header.Get("A-Im")) {
		return ""
	}
	return r.Header.Get("If-None-Match")
}

// remember reports whether there can be a delta from the list with a tag. It is
// false of what is no list.
func (p *pieces) remember(tag string) bool { return p != nil && p.known(tag) != nil }

// known returns the list with a tag, this one or one before; nil for any other.
func (p *pieces) known(tag string) *edition {
	if tag == p.tag {
		return &p.edition
	}
	for n := range p.past {
		if p.past[n].tag == tag {
			return &p.past[n]
		}
	}
	return nil
}

// lineage is what an answer tells of lists to who asks for deltas.
type lineage struct {
	tag  string // of the list; empty for an answer to somebody else
	base string // of the list that the answer is a delta from; empty for a whole list
}

// tell sets the headers.
func (l lineage) tell(header http.Header) {
	if l.tag != "" {
		header["Etag"] = []string{l.tag}
	}
	if l.base != "" {
		header["Im"], header["Delta-Base"] = []string{deltas}, []string{l.base}
	}
}

// shorten makes a reply with the list one with the delta to it, for who asks for
// that and has a list that is remembered.
func (p *pieces) shorten(out *reply, r *http.Request) {
	if p == nil || !asksForDeltas(r.Header.Get("A-Im")) {
		return
	}
	out.lineage.tag = p.tag
	base := r.Header.Get("If-None-Match")
	if delta, is := p.since(base); is {
		out.status, out.text, out.lineage.base = http.StatusIMUsed, delta, base
	}
}
