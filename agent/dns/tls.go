package dns

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"time"

	"github.com/miekg/dns"
)

// wrap returns a connection as somebody who speaks TLS over it, or as it is
// where nobody does.
func wrap(conn *net.TCPConn, secure *tls.Config) net.Conn {
	if secure == nil {
		return conn
	}
	return tls.Server(conn, secure)
}

// handshake is how long shaking hands may take.
const handshake = 5 * time.Second

// greet shakes hands over a connection that speaks TLS. It returns the
// connection below, which can be closed without waiting for whom it leads to.
func (s *Server) greet(ctx context.Context, conn net.Conn) (bare net.Conn, secure bool, err error) {
	over, secure := conn.(*tls.Conn)
	if !secure {
		return conn, false, nil
	}
	bare = over.NetConn()
	ctx, cancel := context.WithTimeout(ctx, s.handshake)
	defer cancel()
	return bare, true, over.HandshakeContext(ctx)
}

// padded is what the length of an answer over TLS is a multiple of, where that
// can be: so it tells less to who counts the bytes (RFC 8467, section 4.1).
const padded = 468

// pad lengthens an answer that ends with what is said of EDNS by an option that
// says nothing (RFC 7830). Any other answer is returned as it is. It writes into
// the memory behind msg, if there is enough.
func pad(msg []byte) []byte {
	at := lastOption(msg)
	if at < 0 {
		return msg
	}
	const head = 4 // of the option
	length := (len(msg) + head + padded - 1) / padded * padded
	if length > mostTCP {
		return msg
	}
	zeros := length - len(msg) - head
	held := binary.BigEndian.Uint16(msg[at:])
	binary.BigEndian.PutUint16(msg[at:], held+uint16(head+zeros))
	msg = binary.BigEndian.AppendUint16(msg, dns.EDNS0PADDING)
	msg = binary.BigEndian.AppendUint16(msg, uint16(zeros))
	return append(msg, make([]byte, zeros)...)
}

// lastOption returns where the length of the last record's data stands, if that
// record is what is said of EDNS; -1 otherwise.
func lastOption(msg []byte) int {
	if len(msg) < 12 {
		return -1
	}
	count := func(n int) int { return int(binary.BigEndian.Uint16(msg[n:])) }
	at := 12
	for range count(4) {
		if at = behindName(msg, at) + 4; at > len(msg) {
			return -1
		}
	}
	last, kind := -1, uint16(0)
	for range count(6) + count(8) + count(10) {
		if at = behindName(msg, at); at+10 > len(msg) {
			return -1
		}
		kind, last = binary.BigEndian.Uint16(msg[at:]), at+8
		at += 10 + count(last)
	}
	if at != len(msg) || kind != dns.TypeOPT {
		return -1
	}
	return last
}

// behindName returns where a name ends that begins at a place of a message; a
// place behind the message when it does not end in it.
func behindName(msg []byte, at int) int {
	for at < len(msg) {
		switch n := int(msg[at]); {
		case n == 0:
			return at + 1
		case n >= 0xC0:
			return at + 2
		default:
			at += n + 1
		}
	}
	return len(msg) + 1
}
