package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/state"
)

// errBlocks reports an answer for which others must be asked, and waited for.
var errBlocks = errors.New("others must be asked")

// caller is who sent a message, and how.
type caller struct {
	from netip.Addr
	tcp  bool
	// waits says that the answer may take its time. Else errBlocks is the answer
	// when it does.
	waits bool
}

// reply returns what to answer to a message, nil for nothing. It is written by
// w. It may wait for others until ctx ends.
func (s *Server) reply(ctx context.Context, w *writer, msg []byte, by caller) ([]byte, error) {
	settings := s.settings.Load()
	if !settings.serve(by.from) {
		return turnAway(msg, settings)
	}
	var r request
	if r.skim(msg, by.tcp, len(settings.recursors) > 0) {
		if k := s.kept.get(r.asked); k != nil && k.settings == settings && k.index == s.store.Index(k.topic) {
			return w.write(&r, k.sheet, &settings.Settings), nil
		}
	}
	return s.consider(ctx, w, settings, msg, by)
}

// turnAway answers a message of somebody who is not answered.
func turnAway(msg []byte, settings *inForce) ([]byte, error) {
	m, verdict := read(msg)
	if verdict == dns.MsgIgnore {
		return nil, nil
	}
	return pack(refusal(m), settings)
}

// consider is reply for a message that was not answered before.
func (s *Server) consider(ctx context.Context, w *writer, settings *inForce, msg []byte, by caller) ([]byte, error) {
	m, verdict := read(msg)
	switch {
	case verdict == dns.MsgIgnore:
		return nil, nil
	case verdict != dns.MsgAccept:
		return pack(rejection(m, verdict), settings)
	case len(m.Question) == 0:
		return pack(refusal(m), settings)
	}
	q := m.Question[0]
	recurse := len(settings.recursors) > 0
	rest, _, ours := s.zone.split(q.Name)
	if q.Qtype == dns.TypeDS && recurse {
		ours = false // it would stand in the zone above (RFC 4035, section 3.1.4.1)
	}
	n, _ := parse(rest, q.Qtype == dns.TypeSRV)
	topic := state.Everything
	if ours {
		topic = n.topic()
	}
	index := s.store.Index(topic) // before the snapshot, which may be newer but never older
	blocked := false
	f := &finder{zone: s.zone, here: s.here(), settings: &settings.Settings, snapshot: s.store.Snapshot(), ip: by.from.String()}
	if recurse {
		f.outside = func(name string) []dns.RR {
			if !by.waits {
				blocked = true
				return nil
			}
			return s.lookUp(ctx, settings, name)
		}
	}
	r := request{tcp: by.tcp, recurse: recurse}
	r.take(msg, m)
	if r.subnet != nil {
		f.ip = r.subnet.Address.String()
	}
	f.edns = r.edns

	var a *answer
	switch {
	case ours:
		a = f.find(q)
	case within(q.Name, "arpa."):
		if a = f.reverse(q); a == nil && !recurse {
			a = none()
			a.authority = []dns.RR{f.soa(q.Name)}
		}
	case !recurse:
		return pack(refusal(m), settings)
	}
	switch {
	case (a == nil || blocked) && !by.waits:
		return nil, errBlocks
	case a == nil:
		return pack(s.forward(ctx, settings, m, &r), settings)
	}
	sheet := newSheet(q, a, &settings.Settings)
	if !a.fleeting && a.rcode == dns.RcodeSuccess && len(a.choices) > 0 && common(r.asked) {
		s.kept.put(r.asked, &kept{sheet: sheet, topic: topic, index: index, settings: settings})
	}
	return w.write(&r, sheet, &settings.Settings), nil
}

// common reports whether others are likely to ask a question in the same
// bytes: of the class of the Internet, and with no letter in upper case, which
// some resolvers write at random to know their answers by.
func common(question []byte) bool {
	class := binary.BigEndian.Uint16(question[len(question)-2:])
	return class == dns.ClassINET && !slices.ContainsFunc(question, func(b byte) bool { return 'A' <= b && b <= 'Z' })
}

// read reads a message, and says what to do with it.
func read(msg []byte) (*dns.Msg, dns.MsgAcceptAction) {
	m := new(dns.Msg)
	if len(msg) < 12 {
		return m, dns.MsgIgnore // whatever it is, an answer would only be used against somebody
	}
	at := func(n int) uint16 { return binary.BigEndian.Uint16(msg[n:]) }
	verdict := dns.DefaultMsgAcceptFunc(dns.Header{
		Id: at(0), Bits: at(2), Qdcount: at(4), Ancount: at(6), Nscount: at(8), Arcount: at(10),
	})
	if verdict == dns.MsgIgnore {
		return m, verdict
	}
	head := [12]byte{}
	copy(head[:4], msg) // the header alone, in case that the rest is nothing
	if err := m.Unpack(head[:]); err != nil {
		return m, dns.MsgIgnore
	}
	if verdict == dns.MsgAccept {
		full := new(dns.Msg)
		if full.Unpack(msg) == nil {
			return full, verdict
		}
		m.Question, verdict = full.Question, dns.MsgReject // as far as there is one
	}
	return m, verdict
}

// take takes what a message says beside its question.
func (r *request) take(msg []byte, m *dns.Msg) {
	copy(r.header[:], msg)
	wire := make([]byte, 256)
	end, err := dns.PackDomainName(m.Question[0].Name, wire, 0, nil, false)
	if err != nil {
		end = 1 // it cannot be: it was read from a message
	}
	wire = binary.BigEndian.AppendUint16(wire[:end], m.Question[0].Qtype)
	r.asked = binary.BigEndian.AppendUint16(wire, m.Question[0].Qclass)
	if option := m.IsEdns0(); option != nil {
		r.edns, r.takes, r.subnet = true, int(option.UDPSize()), subnet(option)
	}
}

// rejection is the answer to a message that cannot be understood.
func rejection(m *dns.Msg, verdict dns.MsgAcceptAction) *dns.Msg {
	opcode := m.Opcode
	m.SetRcodeFormatError(m)
	m.Zero = false
	if verdict == dns.MsgRejectNotImplemented {
		m.Opcode, m.Rcode = opcode, dns.RcodeNotImplemented
	}
	return m
}

// refusal is the answer to who asks for what is not of the zone, when there is
// nobody else to ask.
func refusal(m *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(m, dns.RcodeRefused) }

// pack returns a message as bytes.
func pack(m *dns.Msg, settings *inForce) ([]byte, error) {
	m.Compress = !settings.NoCompression
	return m.Pack()
}
