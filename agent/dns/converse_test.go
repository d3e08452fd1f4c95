package dns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// said is a connection on which the client has said all that it will.
type said struct {
	in  *bytes.Reader
	out bytes.Buffer
}

func (s *said) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *said) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (*said) Close() error                       { return nil }
func (*said) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (*said) RemoteAddr() net.Addr               { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (*said) SetDeadline(time.Time) error        { return nil }
func (*said) SetReadDeadline(time.Time) error    { return nil }
func (*said) SetWriteDeadline(t time.Time) error { return nil }

// FuzzConverse: whatever is said over TCP, what is answered are the answers to
// the messages that came whole, one by one and in order.
func FuzzConverse(f *testing.F) {
	framed := func(messages ...[]byte) (all []byte) {
		for _, msg := range messages {
			all = append(binary.BigEndian.AppendUint16(all, uint16(len(msg))), msg...)
		}
		return all
	}
	var some [][]byte
	for n, msg := range seeds(f) {
		if n%20 == 0 {
			some = append(some, msg)
		}
	}
	f.Add(framed(some...))
	f.Add(framed(some[0], nil, some[1]))
	f.Add(framed(some[0])[:8])
	f.Add([]byte{0xff, 0xff, 0})
	f.Add([]byte{0})
	s := resolving(f, Defaults())
	f.Fuzz(func(t *testing.T, stream []byte) {
		conn := &said{in: bytes.NewReader(stream)}
		err := s.converse(context.Background(), context.Background(), conn, s.silent.add(conn))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("it ended with %v", err)
		}
		if s.silent.conns.Len() != 0 {
			t.Fatal("it is silent, and over")
		}
		got := conn.out.Bytes()
		var w writer
		for len(stream) >= 2 {
			n := int(binary.BigEndian.Uint16(stream))
			if len(stream)-2 < n {
				break
			}
			want, err := s.reply(context.Background(), &w, stream[2:2+n], caller{from: netip.MustParseAddr("127.0.0.1"), tcp: true})
			if err != nil {
				t.Fatal(err)
			}
			stream = stream[2+n:]
			if want == nil {
				continue
			}
			var one, other dns.Msg
			if len(got) < 2 || len(got)-2 < int(binary.BigEndian.Uint16(got)) {
				t.Fatalf("an answer is missing or cut short: %x", got)
			}
			at := 2 + int(binary.BigEndian.Uint16(got))
			if err := errors.Join(one.Unpack(got[2:at]), other.Unpack(want)); err != nil {
				t.Fatal(err)
			}
			got = got[at:]
			if one.Id != other.Id || one.Rcode != other.Rcode || len(one.Answer) != len(other.Answer) { // in whatever order
				t.Errorf("got %v\nwant %v", &one, &other)
			}
		}
		if len(got) > 0 {
			t.Errorf("more was answered than asked: %x", got)
		}
	})
}
