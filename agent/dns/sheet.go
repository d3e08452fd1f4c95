package dns

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// A sheet is an answer in a form in which it is written fast, again and again,
// its choices in another order each time: records are bytes but for the names
// in them, and names are numbers, so that compressing them (RFC 1035, section
// 4.1.4) is to look a number up.
type sheet struct {
	rcode     int
	suffixes  []suffix // of which the first is the root
	asked     int      // the name of the question
	choices   []written
	answers   int // in all choices
	ordered   bool
	twins     bool // there are choices of which one is enough
	weighted  bool
	limit     int // of choices; 0 for none
	authority []record
	extra     []record
	glue      []*record // by name: what is known of the target of an answer; nil for nothing
	srv       bool
	compress  bool
	local     bool // holds for who asked from a subnet alone
}

// written is a choice on a sheet.
type written struct {
	answers, extra []record
	twin           int
	weight         float64
}

// suffix is a name: a label, and the name behind it.
type suffix struct {
	label  []byte // with its length before it
	behind int
}

// numbers are those of the names of a sheet, as people write them and as
// messages have them.
type numbers struct{ texts, wires map[string]int }

// root is the name that has no label.
const root = 0

// record is a resource record (RFC 1035, section 3.2.1).
type record struct {
	owner  int
	head   [8]byte // type, class and TTL
	before []byte  // data, up to the names in it
	names  []int
	after  []byte
	brief  bool // the names may be compressed (RFC 3597, section 4)
	dated  bool // what comes after begins with the time
}

// newSheet returns the sheet of an answer to a question. A record that cannot
// be written, since it has a name that is none, is left out.
func newSheet(q dns.Question, a *answer, s *Settings) *sheet {
	sh := &sheet{
		rcode: a.rcode, suffixes: []suffix{{}}, srv: q.Qtype == dns.TypeSRV, compress: !s.NoCompression,
		ordered: a.ordered, limit: a.limit, local: a.local,
	}
	known := &numbers{texts: map[string]int{}, wires: map[string]int{}}
	sh.asked, _ = sh.name(q.Name, known)
	twins := map[string]int{}
	for _, c := range a.choices {
		w := written{answers: sh.records(c.answers, known), extra: sh.records(c.extra, known), weight: float64(c.weight)}
		twin, seen := twins[c.twin]
		if !seen {
			twin = len(twins)
			twins[c.twin] = twin
		}
		w.twin, sh.twins = twin, sh.twins || seen
		sh.weighted = sh.weighted || s.Weighted && len(sh.choices) > 0 && w.weight != sh.choices[0].weight
		sh.answers += len(w.answers)
		sh.choices = append(sh.choices, w)
	}
	sh.authority, sh.extra = sh.records(a.authority, known), sh.records(a.extra, known)
	sh.glue = make([]*record, len(sh.suffixes))
	for n := range sh.choices {
		for k := range sh.choices[n].extra {
			sh.glueFrom(&sh.choices[n].extra[k])
		}
	}
	for n := range sh.extra {
		sh.glueFrom(&sh.extra[n])
	}
	return sh
}

// glueFrom takes what a record says of its name, an address rather than
// anything else.
func (sh *sheet) glueFrom(r *record) {
	if known := sh.glue[r.owner]; known == nil || known.kind() == dns.TypeTXT && r.kind() != dns.TypeTXT {
		sh.glue[r.owner] = r
	}
}

func (r *record) kind() uint16 { return binary.BigEndian.Uint16(r.head[:]) }

func (sh *sheet) records(all []dns.RR, known *numbers) []record {
	records := make([]record, 0, len(all))
	for _, rr := range all {
		if r, ok := sh.record(rr, known); ok {
			records = append(records, r)
		}
	}
	return records
}

// record takes a record apart. It reports false for one that cannot be
// written.
func (sh *sheet) record(rr dns.RR, known *numbers) (r record, ok bool) {
	h := rr.Header()
	if r.owner, ok = sh.name(h.Name, known); !ok {
		return r, false
	}
	binary.BigEndian.PutUint16(r.head[0:], h.Rrtype)
	binary.BigEndian.PutUint16(r.head[2:], h.Class)
	binary.BigEndian.PutUint32(r.head[4:], h.Ttl)
	var names []string
	r.brief = true
	switch rr := rr.(type) {
	case *dns.SRV: // RFC 2782: the target is never compressed
		names, r.brief = []string{rr.Target}, false
		r.before = binary.BigEndian.AppendUint16(r.before, rr.Priority)
		r.before = binary.BigEndian.AppendUint16(r.before, rr.Weight)
		r.before = binary.BigEndian.AppendUint16(r.before, rr.Port)
	case *dns.CNAME:
		names = []string{rr.Target}
	case *dns.PTR:
		names = []string{rr.Ptr}
	case *dns.NS:
		names = []string{rr.Ns}
	case *dns.SOA:
		names, r.dated = []string{rr.Ns, rr.Mbox}, true
		for _, n := range []uint32{rr.Serial, rr.Refresh, rr.Retry, rr.Expire, rr.Minttl} {
			r.after = binary.BigEndian.AppendUint32(r.after, n)
		}
	default: // of the kinds that are served, these have no names in them
		bytes := make([]byte, dns.Len(rr))
		end, err := dns.PackRR(rr, bytes, 0, nil, false)
		if err != nil {
			return r, false
		}
		_, begin, err := dns.UnpackDomainName(bytes, 0)
		if err != nil {
			return r, false
		}
		r.before = bytes[begin+10 : end]
	}
	for _, name := range names {
		number, ok := sh.name(name, known)
		if !ok {
			return r, false
		}
		r.names = append(r.names, number)
	}
	return r, true
}

// name returns the number of a name. It reports false for one that cannot be.
func (sh *sheet) name(name string, known *numbers) (int, bool) {
	name = dns.Fqdn(name)
	if number, ok := known.texts[name]; ok {
		return number, true
	}
	wire := make([]byte, 256)
	end, err := dns.PackDomainName(name, wire, 0, nil, false)
	if err != nil {
		return root, false
	}
	number := sh.suffix(wire[:end-1], known)
	known.texts[name] = number
	return number, true
}

// suffix returns the number of what is written so, without its end.
func (sh *sheet) suffix(wire []byte, known *numbers) int {
	if len(wire) == 0 {
		return root
	}
	if number, ok := known.wires[string(wire)]; ok {
		return number
	}
	length := int(wire[0]) + 1
	behind := sh.suffix(wire[length:], known)
	sh.suffixes = append(sh.suffixes, suffix{label: wire[:length], behind: behind})
	number := len(sh.suffixes) - 1
	known.wires[string(wire)] = number
	return number
}
