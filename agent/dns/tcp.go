package dns

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// idle is how long a connection may be silent (RFC 7766, section 6.2.3), and
// slow how long one message may take.
const (
	idle = 8 * time.Second
	slow = 2 * time.Second
)

// serveTCP answers connections until ctx ends, each on a goroutine; over TLS
// when secure says how.
func (s *Server) serveTCP(ctx, patience context.Context, l *net.TCPListener, secure *tls.Config) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // ends Accept
	var conns sync.WaitGroup
	defer conns.Wait() // they end with ctx, or with patience in the middle of an answer
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, net.ErrClosed):
				return err
			}
			s.logger.Warn("a connection for DNS was not taken", "error", err)
			select { // too many files, perhaps: some will be closed
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if !s.place(ctx) {
			_ = conn.Close() // nothing was said
			return nil
		}
		heard := s.silent.add(conn)
		conns.Go(func() { // ends with ctx; awaited above
			defer func() { <-s.conns }()
			if err := s.converse(ctx, patience, wrap(conn, secure), heard); err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
				s.logger.Debug("a connection for DNS ended", "from", conn.RemoteAddr(), "error", err)
			}
		})
	}
}

// place takes a place for one more connection. When there is none, the one that
// has been silent longest must go, so that nobody keeps others out by saying
// nothing (RFC 7766, section 6.2.3). It reports false when ctx ends before.
func (s *Server) place(ctx context.Context) bool {
	for {
		select {
		case s.conns <- struct{}{}:
			return true
		default:
		}
		var more <-chan struct{}
		if !s.silent.closeOne() {
			more = s.silent.more // all are in the middle of an answer
		}
		select {
		case s.conns <- struct{}{}:
			return true
		case <-more:
		case <-ctx.Done():
			return false
		}
	}
}

// converse answers the messages of a connection, one by one, until there are
// no more or ctx ends: then it answers the one it has. The connection is among
// the silent ones until heard is called.
func (s *Server) converse(ctx, patience context.Context, conn net.Conn, heard func()) error {
	defer func() { _ = conn.Close() }() // all was said
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	bare, secure, err := s.greet(ctx, conn)
	if err != nil {
		heard()
		return err
	}
	from := netip.AddrPort{}
	if at, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		from = at.AddrPort()
	}
	by := caller{from: from.Addr().Unmap(), tcp: true, waits: true}
	var w writer
	var msg, out []byte
	in := bufio.NewReader(conn)
	for ; ; heard = s.silent.add(bare) {
		msg, err = s.next(ctx, conn, in, msg)
		heard()
		if err != nil {
			return err
		}
		answer, err := s.reply(patience, &w, msg, by)
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		if secure {
			answer = pad(answer)
		}
		out = binary.BigEndian.AppendUint16(out[:0], uint16(len(answer)))
		out = append(out, answer...)
		if err := conn.SetWriteDeadline(time.Now().Add(slow)); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}

// next reads a message (RFC 1035, section 4.2.2) into the memory of msg, if
// that is enough.
func (s *Server) next(ctx context.Context, conn net.Conn, in *bufio.Reader, msg []byte) ([]byte, error) {
	var length [2]byte
	if err := allow(ctx, conn, s.idle); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	if err := allow(ctx, conn, slow); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if cap(msg) < n {
		msg = make([]byte, n)
	}
	_, err := io.ReadFull(in, msg[:n])
	return msg[:n], err
}

// allow gives reading a time, unless ctx has ended.
func allow(ctx context.Context, conn net.Conn, span time.Duration) error {
	if err := conn.SetReadDeadline(time.Now().Add(span)); err != nil {
		return err
	}
	return ctx.Err() // after the deadline, which the end of ctx sets too
}
