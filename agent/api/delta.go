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

// delta makes a list of one that was there before.
type delta struct {
	body []byte
	gzip func() []byte // nil for a body too small to compress
}

// deltasTo are those to one list, by the tag of the one before. They are made when
// the first reader asks, and serve them all.
type deltasTo struct {
	mu   sync.Mutex
	from map[string]*delta
}

// since returns the delta from the list with a tag to this one; nil when that is
// not remembered.
func (p *pieces) since(tag string) *delta {
	known := append([]edition{p.edition}, p.past...)
	n := slices.IndexFunc(known, func(e edition) bool { return e.tag == tag })
	if n < 0 {
		return nil
	}
	p.deltas.mu.Lock()
	defer p.deltas.mu.Unlock()
	made := p.deltas.from[tag]
	if made == nil {
		body := p.appendSince(nil, known[n].of)
		made = &delta{body, zipper(body)}
		if p.deltas.from == nil {
			p.deltas.from = map[string]*delta{}
		}
		p.deltas.from[tag] = made
	}
	return made
}

// appendSince appends the delta from the list before to this one.
func (p *pieces) appendSince(text []byte, before []state.Instance) []byte {
	find := places(before)
	text = append(text, '[')
	for n := 0; n < len(p.of); {
		if n > 0 {
			text = append(text, ',')
		}
		from, has := find(p.of[n])
		if !has {
			text = append(text, p.piece(n)...)
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
	if d := p.since(base); d != nil {
		out.status, out.body, out.gzip, out.lineage.base = http.StatusIMUsed, d.body, d.gzip, base
	}
}
