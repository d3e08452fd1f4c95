package dns

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// request is what a message asks, beside its question.
type request struct {
	header  [12]byte
	asked   []byte // the question, as it was written
	tcp     bool
	edns    bool
	takes   int // bytes over UDP, with edns
	subnet  *dns.EDNS0_SUBNET
	recurse bool // somebody could be asked for what is not known here
}

// The flags of a header (RFC 1035, section 4.1.1; RFC 2535, section 6.1).
const (
	response      = 1 << 15
	authoritative = 1 << 10
	truncated     = 1 << 9
	wantsRecurse  = 1 << 8
	canRecurse    = 1 << 7
	noChecking    = 1 << 4
	opcodes       = 0xF << 11
)

// writer writes messages. Its memory is used again and again: it belongs to
// one goroutine, and what it returns is good until it writes again.
type writer struct {
	msg      []byte
	at       []uint16 // where a name stands in the message; 0 for nowhere
	seen     []bool   // by name, or by twin
	order    []int
	keys     []float64
	answers  []*record
	extra    []*record
	compress bool
	now      uint32
}

// write returns what a sheet says to a request.
func (w *writer) write(r *request, sh *sheet, s *Settings) []byte {
	w.now = uint32(time.Now().Unix())
	b := udpBound(0, s.UDPAnswerLimit)
	switch {
	case r.tcp:
		b = tcpBound(sh.srv)
	case r.edns:
		b = udpBound(r.takes, s.UDPAnswerLimit)
	}
	n := w.draw(sh, b)
	filled := cut{answers: -1} // what is in the message
	left, less := trim(n, b, func(c cut) int {
		c.bare = c.bare || len(sh.authority) == 0
		if c != filled {
			filled = c
			w.fill(r, sh, c, sh.compress && !c.loose)
		}
		return len(w.msg)
	})
	left.bare = left.bare || len(sh.authority) == 0
	if left != filled || left.loose {
		w.fill(r, sh, left, sh.compress)
	}
	if less && s.EnableTruncate {
		w.msg[2] |= truncated >> 8
	}
	return w.msg
}

// draw chooses the order, and lays out answers and what comes with them. It
// returns how many answers there are; of those, it may lay out no more than
// will be written.
func (w *writer) draw(sh *sheet, b bound) (n int) {
	w.answers, w.extra = w.answers[:0], w.extra[:0]
	wanted := len(sh.choices)
	simple := !sh.twins && sh.limit == 0 && sh.answers == len(sh.choices)
	if simple {
		wanted = min(wanted, b.answers)
	}
	w.shuffle(sh, wanted)
	if sh.twins {
		w.seen = cleared(w.seen, len(sh.choices))
	}
	taken := 0
	for _, number := range w.order[:wanted] {
		choice := &sh.choices[number]
		if sh.twins {
			if w.seen[choice.twin] {
				continue
			}
			w.seen[choice.twin] = true
		}
		for k := range choice.answers {
			w.answers = append(w.answers, &choice.answers[k])
		}
		for k := range choice.extra {
			w.extra = append(w.extra, &choice.extra[k])
		}
		if taken++; taken == sh.limit {
			break
		}
	}
	if simple {
		return len(sh.choices)
	}
	return len(w.answers)
}

// shuffle leaves the numbers of the choices in the order, of which the first
// ones that are wanted are drawn.
func (w *writer) shuffle(sh *sheet, wanted int) {
	w.order = w.order[:0]
	for n := range sh.choices {
		w.order = append(w.order, n)
	}
	switch {
	case sh.ordered:
	case sh.weighted:
		w.weigh(sh)
	default:
		for n := range min(wanted, len(w.order)-1) {
			k := n + rand.IntN(len(w.order)-n)
			w.order[n], w.order[k] = w.order[k], w.order[n]
		}
	}
}

// weigh draws the order without putting back, each choice as likely as its
// weight among those that are left (Efraimidis and Spirakis, 2006). Those
// without a weight come last.
func (w *writer) weigh(sh *sheet) {
	w.keys = w.keys[:0]
	for n := range sh.choices {
		key := rand.ExpFloat64() / sh.choices[n].weight
		if sh.choices[n].weight <= 0 {
			key = math.MaxFloat64 * (1 - rand.Float64()/2)
		}
		w.keys = append(w.keys, key)
	}
	slices.SortFunc(w.order, func(a, b int) int {
		if w.keys[a] < w.keys[b] {
			return -1
		}
		return 1
	})
}

// fill writes what a cut leaves.
func (w *writer) fill(r *request, sh *sheet, c cut, compress bool) {
	w.begin(r, sh.rcode, compress)
	w.at = cleared(w.at, len(sh.suffixes))
	if w.compress {
		at := 12
		for name := sh.asked; name != root; name = sh.suffixes[name].behind {
			w.at[name] = uint16(at)
			at += len(sh.suffixes[name].label)
		}
	}
	for _, one := range w.answers[:min(c.answers, len(w.answers))] {
		w.record(sh, one)
	}
	authority := 0
	if !c.bare {
		authority = len(sh.authority)
		for k := range sh.authority {
			w.record(sh, &sh.authority[k])
		}
	}
	extra := 0
	if c.alone {
		extra = w.targets(sh, c.answers)
	} else {
		extra = w.everything(r, sh)
	}
	binary.BigEndian.PutUint16(w.msg[6:], uint16(c.answers))
	binary.BigEndian.PutUint16(w.msg[8:], uint16(authority))
	binary.BigEndian.PutUint16(w.msg[10:], uint16(extra))
}

// begin writes the header and the question of an answer.
func (w *writer) begin(r *request, rcode int, compress bool) {
	w.compress = compress
	w.msg = append(w.msg[:0], r.header[:]...)
	asked := binary.BigEndian.Uint16(r.header[2:])
	flags := response | authoritative | asked&opcodes | uint16(rcode)
	if asked&opcodes == 0 {
		flags |= asked & (wantsRecurse | noChecking)
	}
	if r.recurse {
		flags |= canRecurse
	}
	binary.BigEndian.PutUint16(w.msg[2:], flags)
	copy(w.msg[4:], []byte{0, 1, 0, 0, 0, 0, 0, 0})
	w.msg = append(w.msg, r.asked...)
}

// everything writes what comes beside answers, and returns how many records
// that is.
func (w *writer) everything(r *request, sh *sheet) int {
	for _, one := range w.extra {
		w.record(sh, one)
	}
	for k := range sh.extra {
		w.record(sh, &sh.extra[k])
	}
	count := len(w.extra) + len(sh.extra)
	if r.edns {
		w.msg = r.option(w.msg, sh)
		count++
	}
	return count
}

// targets writes one record for each target of the answers, and for the names
// that those stand for. It returns how many.
func (w *writer) targets(sh *sheet, answers int) (count int) {
	w.seen = cleared(w.seen, len(sh.suffixes))
	for _, one := range w.answers[:min(answers, len(w.answers))] {
		if one.kind() != dns.TypeSRV {
			continue
		}
		for target := one.names[0]; !w.seen[target]; {
			w.seen[target] = true
			glue := sh.glue[target]
			if glue == nil {
				break
			}
			w.record(sh, glue)
			count++
			if glue.kind() == dns.TypeCNAME {
				target = glue.names[0]
			}
		}
	}
	return count
}

func (w *writer) record(sh *sheet, r *record) {
	w.name(sh, r.owner, true)
	w.msg = append(w.msg, r.head[:]...)
	length := len(w.msg)
	w.msg = append(w.msg, 0, 0)
	w.msg = append(w.msg, r.before...)
	for _, name := range r.names {
		w.name(sh, name, r.brief)
	}
	after := len(w.msg)
	w.msg = append(w.msg, r.after...)
	if r.dated {
		binary.BigEndian.PutUint32(w.msg[after:], w.now)
	}
	binary.BigEndian.PutUint16(w.msg[length:], uint16(len(w.msg)-length-2))
}

// farthest is where a name must stand that a later one may point to: a pointer
// has fourteen bits.
const farthest = 1 << 14

// name writes a name, and from the longest part of it on that was written
// before, where.
func (w *writer) name(sh *sheet, name int, brief bool) {
	for name != root {
		if at := w.at[name]; at != 0 && brief {
			w.msg = append(w.msg, 0xC0|byte(at>>8), byte(at))
			return
		} else if at == 0 && w.compress && len(w.msg) < farthest {
			w.at[name] = uint16(len(w.msg))
		}
		w.msg = append(w.msg, sh.suffixes[name].label...)
		name = sh.suffixes[name].behind
	}
	w.msg = append(w.msg, 0)
}

// cleared returns a slice of n zeros, in the memory of s if that is enough.
func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
