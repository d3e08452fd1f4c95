package agent

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/internal/host"
)

const (
	// writeTime is about how long a client may take to read writePiece of what
	// it asked for: who reads a byte a second would hold an answer of any size
	// as long as it likes. Nothing is written to a read that waits, which waits
	// as long as it was asked to.
	writeTime  = 30 * time.Second
	writePiece = 128 << 10
)

// crowd counts the connections that are open at all doors together, and bounds
// them: a process that has no descriptor left cannot look at what it checks,
// and would call all of it critical. It is safe for concurrent use.
type crowd struct {
	most   int64 // 0 is no bound
	logger *slog.Logger
	open   atomic.Int64
	warned atomic.Int64 // when it was, in seconds
}

// newCrowd leaves a part of the descriptors that the process may have to checks,
// DNS and files, as far as their number is known.
func newCrowd(logger *slog.Logger) *crowd {
	c := &crowd{logger: logger}
	if most, err := host.MostFiles(); err == nil {
		c.most = int64(most - min(most/4, 8192))
	}
	return c
}

// enter counts one more, if it may come in.
func (c *crowd) enter() bool {
	if now := c.open.Add(1); c.most == 0 || now <= c.most {
		return true
	}
	c.open.Add(-1)
	const pause = 60 // strangers must not fill the log
	now, last := time.Now().Unix(), c.warned.Load()
	if now >= last+pause && c.warned.CompareAndSwap(last, now) {
		c.logger.Warn("more connections than this process has descriptors for: closing new ones", "open", c.most, "hint", "raise the limit of open files")
	}
	return false
}

// counted is a listener whose connections are bounded, and do not wait for ever
// for somebody to read.
type counted struct {
	net.Listener
	crowd *crowd
}

// Accept implements net.Listener.
func (l counted) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.crowd.enter() {
			return &bounded{Conn: conn, leave: sync.OnceFunc(func() { l.crowd.open.Add(-1) })}, nil
		}
		_ = conn.Close() // nothing was said
	}
}

// bounded is a connection whose writes have a deadline.
type bounded struct {
	net.Conn
	leave func()
	until atomic.Int64 // the deadline that was set, in nanoseconds
}

// Write implements net.Conn: each piece has its own time.
func (c *bounded) Write(p []byte) (written int, err error) {
	for first := true; first || len(p) > 0; first = false {
		// A deadline costs more than a look at the clock, so one serves the writes
		// of some seconds.
		if now := time.Now(); now.Add(writeTime*2/3).UnixNano() > c.until.Load() {
			until := now.Add(writeTime)
			if err := c.Conn.SetWriteDeadline(until); err != nil {
				return written, err
			}
			c.until.Store(until.UnixNano())
		}
		n, err := c.Conn.Write(p[:min(len(p), writePiece)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// SetWriteDeadline implements net.Conn. It holds until the next write at least.
func (c *bounded) SetWriteDeadline(t time.Time) error {
	c.until.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *bounded) SetDeadline(t time.Time) error {
	c.until.Store(0)
	return c.Conn.SetDeadline(t)
}

// Close implements net.Conn.
func (c *bounded) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite lets the client read what was written before the connection is
// closed, where the network can.
func (c *bounded) CloseWrite() error {
	if half, can := c.Conn.(interface{ CloseWrite() error }); can {
		return half.CloseWrite()
	}
	return nil
}
