package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// A datagram can be as large as mostDatagram, and a question hardly ever is
// larger than usualDatagram.
const (
	usualDatagram = 4 << 10
	mostDatagram  = 1 << 16
)

// serveUDP answers datagrams until ctx ends, with as many readers as there are
// processors: one answers at once what it read, and reads again. Until the first
// datagram there is one reader, for many a registry is never asked.
func (s *Server) serveUDP(ctx, patience context.Context, conn *net.UDPConn) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })() // ends every read
	_ = conn.SetReadBuffer(1 << 20)                                                      // as much as the system allows
	source, err := sources(conn)
	if err != nil {
		return err
	}
	var readers, waiters sync.WaitGroup
	errs := make(chan error, runtime.GOMAXPROCS(0))
	var asked func()
	begin := func() {
		readers.Go(func() { // ends with ctx; awaited below
			errs <- s.readUDP(ctx, patience, conn, source, &waiters, asked)
		})
	}
	asked = sync.OnceFunc(func() {
		for range cap(errs) - 1 {
			begin()
		}
	})
	begin()
	readers.Wait()
	waiters.Wait() // they end with patience
	close(errs)
	for one := range errs {
		err = errors.Join(err, one)
	}
	return err
}

// readUDP answers datagrams until ctx ends, and says when it is asked. Those
// whose answer waits for others are answered aside.
func (s *Server) readUDP(ctx, patience context.Context, conn *net.UDPConn, source bool, waiters *sync.WaitGroup, asked func()) error {
	var w writer
	buffer := make([]byte, usualDatagram)
	var control []byte
	if source {
		control = make([]byte, controlSize)
	}
	for {
		n, m, _, from, err := conn.ReadMsgUDPAddrPort(buffer, control)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			continue // it is about one datagram
		case n == len(buffer) && n < mostDatagram: // it is cut
			buffer = make([]byte, mostDatagram)
			continue // who asked will ask again
		}
		asked()
		by := caller{from: from.Addr().Unmap()}
		answer, err := s.reply(ctx, &w, buffer[:n], by)
		if errors.Is(err, errBlocks) {
			s.wait(patience, conn, append([]byte(nil), buffer[:n]...), answerFrom(control[:m]), from, waiters)
			continue
		}
		s.send(conn, answer, answerFrom(control[:m]), from, err)
	}
}

// wait answers a message whose answer waits for others, unless too many do.
func (s *Server) wait(patience context.Context, conn *net.UDPConn, msg, control []byte, from netip.AddrPort, waiters *sync.WaitGroup) {
	select {
	case s.waiting <- struct{}{}:
	default:
		return // who asked will ask again
	}
	waiters.Go(func() { // ends with patience; awaited by serveUDP
		defer func() { <-s.waiting }()
		answer, err := s.reply(patience, new(writer), msg, caller{from: from.Addr().Unmap(), waits: true})
		s.send(conn, answer, control, from, err)
	})
}

// send sends an answer, if there is one.
func (s *Server) send(conn *net.UDPConn, answer, control []byte, to netip.AddrPort, err error) {
	if err == nil && answer != nil {
		_, _, err = conn.WriteMsgUDPAddrPort(answer, control, to)
	}
	if err != nil {
		s.logger.Debug("a question was not answered", "from", to, "error", err)
	}
}
