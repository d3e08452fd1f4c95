package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
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
	known := append([]edition{p.edition}, p.past...)
	n := slices.IndexFunc(known, func(e edition) bool { return e.tag == tag })
	if n < 0 {
		return text{}, false
	}
	p.deltas.mu.Lock()
	defer p.deltas.mu.Unlock()
	if delta, is = p.deltas.from[tag]; !is {
		delta = textOf(p.appendSince(nil, known[n].of))
		if p.deltas.from == nil {
			p.deltas.from = map[string]text{}
		}
		p.deltas.from[tag] = delta
	}
	return delta, true
}

// appendSince appends the delta from the list before to this one.
func (p *pieces) appendSince(text []byte, before []state.Instance) []byte {
	find, each := places(before), p.texts.Load().each
	text = append(text, '[')
	for n := 0; n < len(p.of); {
		if n > 0 {
			text = append(text, ',')
		}
		from, has := find(p.of[n])
		if !has {
			text = append(text, each[n]...)
			n++
			continue
		}
		count := 1
		for n++; n < len(p.of); n++ {
			if at, has := find(p.of[n]); !has || at != from+count {
				break
			}
			count++
		}
		text = append(text, '[')
		text = strconv.AppendInt(text, int64(from), 10)
		text = append(text, ',')
		text = strconv.AppendInt(text, int64(count), 10)
		text = append(text, ']')
	}
	return append(text, ']')
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

// isOneBehind reports whether a client has a list, and most likely wants a delta.
func isOneBehind(r *http.Request) bool {
	return r.Header.Get("If-None-Match") != "" && asksForDeltas(r.Header.Get("A-Im"))
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
