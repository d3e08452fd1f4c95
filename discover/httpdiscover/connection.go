package httpdiscover

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
)

// connection is one to an instance that says when the other side ends it. That
// costs no goroutine: net/http reads from idle connections all the time, and the
// system ends those of a process when it dies.
//
// The end that a server announces by TLS (close_notify) is read by crypto/tls
// and not seen here: who says farewell is alive.
type connection struct {
	net.Conn
	lost func() // is called once, and does not block

	over atomic.Bool // closed by this side, or lost
}

// Read implements io.Reader.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	// A deadline is this side's own. Other time-outs are the system's, which had no
	// answer from the other side for long.
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && c.over.CompareAndSwap(false, true) {
		c.lost()
	}
	return n, err
}

// Close implements io.Closer.
func (c *connection) Close() error {
	c.over.Store(true)
	return c.Conn.Close()
}

// ReadFrom implements io.ReaderFrom, for which the system sends files by itself.
func (c *connection) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }

// CloseWrite ends what is written, on connections that have two sides to close.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
