package dns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"testing"

	"github.com/miekg/dns"
)

// asks returns what a message asks, as a server reads it.
func asks(t testing.TB, m *dns.Msg, tcp bool) *request {
	t.Helper()
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	read, verdict := read(msg)
	if verdict != dns.MsgAccept {
		t.Fatalf("the question %v is not taken", m)
	}
	r := &request{tcp: tcp}
	r.take(msg, read)
	return r
}

// many returns an answer of n instances to a question for SRV or for A, of
// which each has what beside it.
func many(q dns.Question, n int, ordered bool) *answer {
	a := &answer{ordered: ordered}
	for k := range n {
		ip := net.IPv4(10, 0, byte(k>>8), byte(k)).To4()
		c := choice{twin: fmt.Sprint(k), weight: 1}
		if q.Qtype == dns.TypeSRV {
			node := fmt.Sprintf("node-%d.node.dc1.consul.", k%7)
			c.answers = []dns.RR{&dns.SRV{Hdr: header(q.Name, dns.TypeSRV, 9), Priority: 1, Weight: 1, Port: uint16(k), Target: node}}
			c.extra = []dns.RR{
				addressRecord(node, ip, 9),
				&dns.TXT{Hdr: header("Text."+node, dns.TypeTXT, 0), Txt: []string{"a=b", "c"}},
			}
		} else {
			c.answers = []dns.RR{addressRecord(q.Name, ip, 9)}
		}
		a.choices = append(a.choices, c)
	}
	return a
}

// TestWritesAsTheLibraryPacks: what is written by hand is byte for byte what
// the library would make of the same records.
func TestWritesAsTheLibraryPacks(t *testing.T) {
	soa := &finder{zone: newZone("consul", ""), settings: new(Settings)}
	for _, c := range []struct {
		name     string
		question *dns.Msg
		answer   func(q dns.Question) *answer
	}{
		{"nothing", new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA), func(dns.Question) *answer { return &answer{} }},
		{"no such name", new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA).SetEdns0(4096, true), func(q dns.Question) *answer {
			return &answer{rcode: dns.RcodeNameError, authority: []dns.RR{soa.soa(q.Name)}}
		}},
		{"addresses", new(dns.Msg).SetQuestion("Web.Service.Consul.", dns.TypeA).SetEdns0(65535, false), func(q dns.Question) *answer { return many(q, 100, true) }},
		{"services", new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV).SetEdns0(65535, false), func(q dns.Question) *answer { return many(q, 100, true) }},
		{"more than names can point into", new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV).SetEdns0(65535, false), func(q dns.Question) *answer { return many(q, 300, true) }},
		{"names of all sorts", new(dns.Msg).SetQuestion(`a\.b\032c.CONSUL.`, dns.TypeANY).SetEdns0(65535, false), func(q dns.Question) *answer {
			return &answer{ordered: true, choices: only([]dns.RR{
				alias(q.Name, "web.Consul.", 0), alias("web.Consul.", "x.web.Consul.", 0), alias("x.web.Consul.", ".", 0),
				&dns.PTR{Hdr: header(q.Name, dns.TypePTR, 1<<31), Ptr: "b.x.web.Consul."},
				&dns.NS{Hdr: header("CONSUL.", dns.TypeNS, 1), Ns: `ns.a\.b\032c.CONSUL.`},
				&dns.TXT{Hdr: header(q.Name, dns.TypeTXT, 0), Txt: []string{`"quoted" \\ \200`, ""}},
				addressRecord("b.x.web.Consul.", net.ParseIP("2001:db8::1"), 0),
				&dns.MX{Hdr: header(q.Name, dns.TypeMX, 3), Preference: 7, Mx: "."},
			}, nil)}
		}},
	} {
		for _, compress := range []bool{true, false} {
			q := c.question.Question[0]
			a := c.answer(q)
			want := new(dns.Msg).SetRcode(c.question, a.rcode)
			want.Authoritative, want.Compress = true, compress
			want.Answer, want.Ns = a.flat(), a.authority
			for _, choice := range a.choices {
				want.Extra = append(want.Extra, choice.extra...)
			}
			if c.question.IsEdns0() != nil {
				option := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
				option.SetUDPSize(c.question.IsEdns0().UDPSize())
				want.Extra = append(want.Extra, option)
			}
			settings := Settings{NoCompression: !compress}
			var w writer
			got := w.write(asks(t, c.question, false), newSheet(q, a, &settings), &settings)
			if len(a.authority) > 0 {
				want.Ns[0].(*dns.SOA).Serial = w.now
			}
			packed, err := want.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, packed) {
				at := 0
				for at < min(len(got), len(packed)) && got[at] == packed[at] {
					at++
				}
				t.Errorf("%s, compressed %v: got %d bytes, want %d; they differ from byte %d on", c.name, compress, len(got), len(packed), at)
			}
		}
	}
}

// TestWhatCannotBeWrittenIsLeftOut: a name with a label that is too long spoils
// its own record alone.
func TestWhatCannotBeWrittenIsLeftOut(t *testing.T) {
	m := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV)
	a := many(m.Question[0], 3, true)
	a.choices[1].answers[0].(*dns.SRV).Target = fmt.Sprintf("%064d.node.dc1.consul.", 0)
	got := write(t, new(writer), m, a, Defaults())
	if len(got.Answer) != 2 || got.Answer[0].(*dns.SRV).Port != 0 || got.Answer[1].(*dns.SRV).Port != 2 {
		t.Errorf("got %v", got)
	}
}

// write returns what is answered to a message, as others read it.
func write(t testing.TB, w *writer, m *dns.Msg, a *answer, settings Settings) *dns.Msg {
	t.Helper()
	msg := w.write(asks(t, m, false), newSheet(m.Question[0], a, &settings), &settings)
	got := new(dns.Msg)
	if err := got.Unpack(msg); err != nil {
		t.Fatalf("%x: %v", msg, err)
	}
	return got
}

// TestOrderIsLeftToChance: each of the instances comes first as often as the
// others, and stays as often where an answer is cut; with weights, as often as
// those say.
func TestOrderIsLeftToChance(t *testing.T) {
	const asked = 20000
	m := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA)
	for name, c := range map[string]struct {
		weights  []int
		weighted bool
		first    []float64 // of all that are asked
	}{
		"alike":                {[]int{1, 1, 1, 1}, false, []float64{.25, .25, .25, .25}},
		"weights not heeded":   {[]int{5, 1, 1, 1}, false, []float64{.25, .25, .25, .25}},
		"weights":              {[]int{5, 1, 3, 1}, true, []float64{.5, .1, .3, .1}},
		"weights that are all": {[]int{2, 2, 2, 2}, true, []float64{.25, .25, .25, .25}},
		"none comes last":      {[]int{1, 0, 0, 1}, true, []float64{.5, 0, 0, .5}},
	} {
		t.Run(name, func(t *testing.T) {
			a := many(m.Question[0], len(c.weights), false)
			for k := range a.choices {
				a.choices[k].weight = c.weights[k]
			}
			settings := Defaults()
			settings.Weighted = c.weighted
			sheet, r := newSheet(m.Question[0], a, &settings), asks(t, m, false)
			var w writer
			first := make([]int, len(c.weights))
			for range asked {
				msg := w.write(r, sheet, &settings)
				answers := int(binary.BigEndian.Uint16(msg[6:]))
				if answers != 3 {
					t.Fatalf("got %d answers, want 3", answers)
				}
				first[msg[len(r.asked)+12+15]]++ // the last byte of the first address
			}
			for k, want := range c.first {
				// Six standard deviations: by chance once in half a billion.
				if got := float64(first[k]) / asked; got < want-.022 || got > want+.022 {
					t.Errorf("instance %d comes first in %.3f of the answers, want %.3f", k, got, want)
				}
			}
		})
	}
}

// TestTwins: instances that are the same to who asks are told once, and are as
// likely to come first as they are many.
func TestTwins(t *testing.T) {
	m := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA).SetEdns0(4096, false)
	a := many(m.Question[0], 3, false)
	a.choices[2] = a.choices[1]
	sheet := newSheet(m.Question[0], a, new(Settings))
	var w writer
	first := 0
	for range 3000 {
		got := new(dns.Msg)
		if err := got.Unpack(w.write(asks(t, m, false), sheet, new(Settings))); err != nil {
			t.Fatal(err)
		}
		if len(got.Answer) != 2 {
			t.Fatalf("got %v", got.Answer)
		}
		if got.Answer[0].(*dns.A).A[3] == 1 {
			first++
		}
	}
	if first < 1800 || first > 2200 {
		t.Errorf("the one that there is twice came first %d times of 3000, want about 2000", first)
	}
}

func TestLimits(t *testing.T) {
	settings := Defaults()
	for _, c := range []struct {
		name     string
		question *dns.Msg
		change   func(*Settings)
		tcp      bool
		n        int
		answers  int
		cut      bool
	}{
		{"plain", new(dns.Msg).SetQuestion("a.", dns.TypeA), nil, false, 10, 3, true},
		{"plain, with room", new(dns.Msg).SetQuestion("a.", dns.TypeA), nil, false, 3, 3, false},
		{"plain, more allowed than may be", new(dns.Msg).SetQuestion("a.", dns.TypeA), func(s *Settings) { s.UDPAnswerLimit = 50 }, false, 10, 8, true},
		{"none allowed", new(dns.Msg).SetQuestion("a.", dns.TypeA), func(s *Settings) { s.UDPAnswerLimit = 0 }, false, 10, 0, true},
		{"with room for all", new(dns.Msg).SetQuestion("a.", dns.TypeA).SetEdns0(4096, false), nil, false, 100, 100, false},
		{"with room for some", new(dns.Msg).SetQuestion("a.", dns.TypeA).SetEdns0(1000, false), nil, false, 100, 60, true},
		{"with too little room", new(dns.Msg).SetQuestion("a.", dns.TypeA).SetEdns0(10, false), nil, false, 100, 3, true},
		{"with all the room", new(dns.Msg).SetQuestion("a.", dns.TypeA).SetEdns0(65535, false), nil, false, 5000, 4090, true},
		{"over TCP", new(dns.Msg).SetQuestion("a.", dns.TypeA), nil, true, 100, 100, false},
		{"over TCP, too many", new(dns.Msg).SetQuestion("a.", dns.TypeA), nil, true, 5000, 4094, true},
		{"over TCP, SRV", new(dns.Msg).SetQuestion("a.", dns.TypeSRV), nil, true, 5000, 1024, true},
	} {
		now := settings
		now.EnableTruncate = true
		if c.change != nil {
			c.change(&now)
		}
		q := c.question.Question[0]
		var w writer
		msg := w.write(asks(t, c.question, c.tcp), newSheet(q, many(q, c.n, false), &now), &now)
		got := new(dns.Msg)
		if err := got.Unpack(msg); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(got.Answer) != c.answers || got.Truncated != c.cut {
			t.Errorf("%s: got %d answers in %d bytes, cut %v; want %d, %v", c.name, len(got.Answer), len(msg), got.Truncated, c.answers, c.cut)
		}
	}
}

func TestTrim(t *testing.T) {
	// A message of 12 bytes, with as many for each answer, and 100 of all else.
	size := func(each int) func(cut) int {
		return func(c cut) int {
			n := 12 + c.answers*each
			if !c.alone {
				n += 50
			}
			if !c.bare {
				n += 50
			}
			return n
		}
	}
	for _, c := range []struct {
		name  string
		n     int
		bound bound
		each  int
		want  cut
		less  bool
	}{
		{"none", 0, udpBound(0, 3), 16, cut{}, false},
		{"one that is too large is sent", 1, udpBound(0, 3), 1000, cut{answers: 1}, false},
		{"one of two, too large by far", 2, udpBound(0, 3), 1000, cut{answers: 0, alone: true, bare: true}, true},
		{"what fits", 3, udpBound(0, 3), 16, cut{answers: 3}, false},
		{"what does not fit by a little loses one", 2, udpBound(0, 3), 200, cut{answers: 1, alone: true, bare: true}, true},
		{"too many", 9, udpBound(0, 3), 16, cut{answers: 3, alone: true, loose: true}, true},
		{"eight at most", 9, udpBound(0, 100), 16, cut{answers: 8, alone: true, loose: true}, true},
		{"too many, and too large", 9, udpBound(0, 8), 200, cut{answers: 2, alone: true, bare: true, loose: true}, true},
		{"room", 60, udpBound(1232, 3), 16, cut{answers: 60}, false},
		{"not enough room", 100, udpBound(1232, 3), 16, cut{answers: 75, alone: true, bare: true}, true},
		{"less than room, by what a datagram stays below", 76, udpBound(1236, 3), 16, cut{answers: 75, alone: true, bare: true}, true},
		{"over TCP", 100, tcpBound(false), 16, cut{answers: 100}, false},
		{"over TCP, too many", 10000, tcpBound(false), 4, cut{answers: 4096}, false},
		{"over TCP, too large", 1000, tcpBound(true), 100, cut{answers: 655, alone: true, bare: true}, true},
	} {
		left, less := trim(c.n, c.bound, size(c.each))
		if left != c.want || less != c.less {
			t.Errorf("%s: got %+v, %v; want %+v, %v", c.name, left, less, c.want, c.less)
		}
	}
}

// TestMost: what is guessed is what trying them all finds.
func TestMost(t *testing.T) {
	for n := range 60 {
		for bytes := range 700 {
			for name, size := range map[string]func(int) int{
				"even": func(k int) int { return 12 + 16*k }, "uneven": func(k int) int { return k*k/3 + 5*k }, "large": func(k int) int { return 600 + k },
			} {
				want := 0
				for want < n && size(want+1) <= bytes {
					want++
				}
				if got := most(n, n/2, bytes, size); got != want {
					t.Fatalf("%s: %d of %d fit into %d bytes, want %d", name, got, n, bytes, want)
				}
			}
		}
	}
}

// TestWritingAllocatesNothing: a question that was asked before costs no
// memory.
func TestWritingAllocatesNothing(t *testing.T) {
	m := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV).SetEdns0(1232, false)
	settings := Defaults()
	sheet, r := newSheet(m.Question[0], many(m.Question[0], 50, false), &settings), asks(t, m, false)
	var w writer
	w.write(r, sheet, &settings)
	if n := testing.AllocsPerRun(100, func() { w.write(r, sheet, &settings) }); n > 0 {
		t.Errorf("writing allocates %v times", n)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
		for _, n := range []int{3, 50} {
			for _, takes := range []int{0, 1232, 4096} {
				b.Run(fmt.Sprintf("%s/%d/%d", dns.TypeToString[qtype], n, takes), func(b *testing.B) {
					m := new(dns.Msg).SetQuestion("web.service.consul.", qtype)
					if takes > 0 {
						m.SetEdns0(uint16(takes), false)
					}
					settings := Defaults()
					sheet, r := newSheet(m.Question[0], many(m.Question[0], n, false), &settings), asks(b, m, false)
					var w writer
					b.ReportAllocs()
					for b.Loop() {
						w.write(r, sheet, &settings)
					}
				})
			}
		}
	}
}
