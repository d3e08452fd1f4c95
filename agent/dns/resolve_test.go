package dns

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// resolving returns a server that listens nowhere, with three instances of
// "web", and others.
func resolving(t testing.TB, settings Settings) *Server {
	t.Helper()
	store := state.New()
	node := state.Node{Node: "n1", Address: "10.0.0.1", Datacenter: "dc1", Meta: map[string]string{"a b": "c"}}
	err := store.Write(func(w *state.Writer) error {
		one := state.Weights{Passing: 1, Warning: 1}
		return errors.Join(
			w.PutNode(node),
			w.PutService(state.Service{Node: "n1", ID: "consul", Service: "consul", Port: 8300, Weights: one}),
			w.PutService(state.Service{Node: "n1", ID: "1", Service: "web", Port: 1, Tags: []string{"v1"}, Weights: one}),
			w.PutService(state.Service{Node: "n1", ID: "2", Service: "web", Port: 2, Address: "10.0.0.2", Weights: one}),
			w.PutService(state.Service{Node: "n1", ID: "3", Service: "web", Port: 3, Address: "2001:db8::1", Weights: one}),
			w.PutService(state.Service{Node: "n1", ID: "4", Service: "alias", Port: 3, Address: "web.service.consul", Weights: one}),
			w.PutService(state.Service{Node: "n1", ID: "5", Service: "ext", Port: 3, Address: "example.org", Weights: one}),
			w.PutQuery(state.Query{ID: "00000000-0000-0000-0000-000000000000", Name: "q", Service: state.ServiceQuery{Service: "web"}}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(store, func() state.Node { return node }, Config{}, settings)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// seeds are messages that are plain, odd and broken.
func seeds(t testing.TB) (all [][]byte) {
	add := func(m *dns.Msg) []byte {
		t.Helper()
		msg, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, msg)
		return msg
	}
	for _, name := range []string{
		"web.service.consul.", "_web._tcp.service.consul.", "v1.web.service.dc1.consul.", "alias.service.consul.", "ext.service.consul.", "n1.node.consul.",
		"q.query.consul.", "0a000001.addr.consul.", "1.0.0.10.in-addr.arpa.", "consul.", ".", "example.org.", "nobody.service.consul.", "WEB.Service.Consul.",
	} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeANY, dns.TypeTXT, dns.TypeSOA, dns.TypeNS, dns.TypeAXFR, dns.TypePTR, dns.TypeDS, dns.TypeMX} {
			add(new(dns.Msg).SetQuestion(name, qtype))
		}
	}
	plain := add(new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV).SetEdns0(600, true))
	for _, option := range []dns.EDNS0{
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 20, Address: []byte{10, 1, 255, 0}},
		&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")},
	} {
		m := new(dns.Msg).SetQuestion("q.query.consul.", dns.TypeA).SetEdns0(4096, false)
		m.IsEdns0().Option = append(m.IsEdns0().Option, option)
		add(m)
	}
	update := new(dns.Msg).SetUpdate("consul.")
	add(update)
	add(new(dns.Msg).SetReply(update))
	add(new(dns.Msg).SetNotify("consul."))
	two := new(dns.Msg).SetQuestion("a.", 1)
	two.Question = append(two.Question, two.Question[0])
	add(two)
	return append(all, plain[:12], plain[:11], plain[:20], plain[:len(plain)-1], append(bytes.Clone(plain), 0), nil)
}

// FuzzReply: whatever comes, what is answered can be read, and answers what
// was asked; and who is answered from what is kept is told the same.
func FuzzReply(f *testing.F) {
	for _, msg := range seeds(f) {
		f.Add(msg, false)
		f.Add(msg, true)
	}
	settings := Defaults()
	settings.EnableTruncate = true
	s := resolving(f, settings)
	var w writer
	f.Fuzz(func(t *testing.T, msg []byte, tcp bool) {
		by := caller{from: netip.MustParseAddr("127.0.0.1"), tcp: tcp}
		var first *dns.Msg
		for range 2 {
			answer, err := s.reply(context.Background(), &w, bytes.Clone(msg), by)
			if err != nil {
				t.Fatalf("%x: %v", msg, err)
			}
			if answer == nil {
				if len(msg) >= 12 && msg[2]&0x80 == 0 {
					t.Fatalf("%x is not answered", msg)
				}
				return
			}
			got := new(dns.Msg)
			if err := got.Unpack(answer); err != nil {
				t.Fatalf("%x is answered %x: %v", msg, answer, err)
			}
			if most := mostOver(msg, tcp); len(answer) > most {
				t.Fatalf("%x is answered in %d bytes, and may be in %d", msg, len(answer), most)
			}
			if !bytes.Equal(answer[:2], msg[:2]) || !got.Response {
				t.Fatalf("%x is answered %v, which is no answer to it", msg, got)
			}
			if first == nil {
				first = got
			} else if got.Rcode != first.Rcode || len(got.Answer) != len(first.Answer) || len(got.Ns) != len(first.Ns) || len(got.Extra) != len(first.Extra) {
				t.Fatalf("%x is answered %v, and then %v", msg, first, got)
			}
		}
	})
}

// mostOver returns how many bytes may answer a message (RFC 1035, section
// 4.2.1; RFC 6891, section 6.2.3).
func mostOver(msg []byte, tcp bool) int {
	most := 512
	var m dns.Msg
	if err := m.Unpack(msg); err == nil && m.IsEdns0() != nil {
		most = max(most, int(m.IsEdns0().UDPSize()))
	}
	if tcp {
		most = dns.MaxMsgSize
	}
	return most
}

// FuzzSkim: what is read in a hurry is what is read with care.
func FuzzSkim(f *testing.F) {
	for _, msg := range seeds(f) {
		f.Add(msg)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		var hasty, careful request
		if !hasty.skim(msg, true, true) {
			return
		}
		m, verdict := read(msg)
		if verdict != dns.MsgAccept || len(m.Question) != 1 {
			t.Fatalf("%x is taken in a hurry, and else not", msg)
		}
		careful.take(msg, m)
		if !bytes.Equal(hasty.asked, careful.asked) || hasty.header != careful.header ||
			hasty.edns != careful.edns || hasty.takes != careful.takes || careful.subnet != nil {
			t.Fatalf("%x: got %+v in a hurry, %+v else", msg, hasty, careful)
		}
	})
}

// TestPlainQuestionsAreSkimmed: what most clients send does not need care.
func TestPlainQuestionsAreSkimmed(t *testing.T) {
	for _, m := range []*dns.Msg{
		new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA),
		new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV).SetEdns0(1232, true),
	} {
		msg, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if !new(request).skim(msg, false, false) {
			t.Errorf("not skimmed: %v", m)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	s := resolving(t, Defaults())
	var w writer
	for _, c := range []struct {
		name  string
		qtype uint16
		kept  bool
	}{
		{"web.service.consul.", dns.TypeA, true},
		{"web.service.consul.", dns.TypeSRV, true},
		{"n1.node.consul.", dns.TypeTXT, true},
		{"1.0.0.10.in-addr.arpa.", dns.TypePTR, true},
		{"WEB.service.consul.", dns.TypeA, false}, // written at random
		{"web.service.consul.", dns.TypeMX, false},
		{"nobody.service.consul.", dns.TypeA, false}, // there are too many names of nobody
		{"alias.service.consul.", dns.TypeA, false},  // depends on another service
		{"q.query.consul.", dns.TypeA, false},
		{"0a000001.addr.consul.", dns.TypeA, false},
	} {
		msg, err := new(dns.Msg).SetQuestion(c.name, c.qtype).Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.reply(t.Context(), &w, msg, caller{}); err != nil {
			t.Fatal(err)
		}
		if kept := s.kept.get(msg[12:]) != nil; kept != c.kept {
			t.Errorf("%s %s: kept %v, want %v", c.name, dns.Type(c.qtype), kept, c.kept)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(1000)
	small, large := &sheet{answers: 2}, &sheet{answers: 501}
	for n := range 100_000 {
		c.put([]byte{byte(n), byte(n >> 8), byte(n >> 16)}, &kept{sheet: small})
		if n%10 == 0 {
			c.get([]byte("hot"))
			c.put([]byte("hot"), &kept{sheet: small})
		}
	}
	if all := (len(c.young) + len(c.old)) * small.size(); all > 1000 {
		t.Errorf("%d records are kept, want 1000 at most", all)
	}
	if c.get([]byte("hot")) == nil {
		t.Error("what is asked for all the time is not kept")
	}
	c.put([]byte("large"), &kept{sheet: large})
	if c.get([]byte("large")) != nil {
		t.Error("what is too large is kept")
	}
}

func BenchmarkReply(b *testing.B) {
	s := resolving(b, Defaults())
	for _, c := range []struct {
		name  string
		qtype uint16
	}{{"web.service.consul.", dns.TypeA}, {"WEB.service.consul.", dns.TypeA}, {"nobody.service.consul.", dns.TypeA}, {"q.query.consul.", dns.TypeSRV}} {
		b.Run(c.name+dns.TypeToString[c.qtype], func(b *testing.B) {
			msg, err := new(dns.Msg).SetQuestion(c.name, c.qtype).Pack()
			if err != nil {
				b.Fatal(err)
			}
			var w writer
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.reply(b.Context(), &w, msg, caller{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
