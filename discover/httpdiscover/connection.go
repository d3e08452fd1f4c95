package httpdiscover

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync/atomic"
)

// connection is one to an instance that says when the other side ends it. That
// costs no goroutine: net/http reads from idle connections all the time, and the
// system ends those of a process when it dies.
//
// The end that a server announces by TLS (close_notify) is read by crypto/tls
// and not seen here: who says farewell is alive. So is who says in HTTP that a
// response ends with its connection: see [exchange.follow].
type connection struct {
	net.Conn
	lost func() // is called once, and does not block

	over atomic.Bool // closed by this side, announced by the other, or lost
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

// ends says that the other side has announced the end.
func (c *connection) ends() { c.over.Store(true) }

// connectionOf returns the connection below one of net/http's; nil if it is none.
func connectionOf(conn net.Conn) *connection {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

// follow has net/http tell which connection the request goes by, where it matters:
// once a response of the instance ended with its connection. To know it costs each
// attempt, and the first such end only a check too many.
func (x *exchange) follow(ctx context.Context) context.Context {
	if !x.pool.closing.Load() {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { x.conn = connectionOf(got.Conn) }, // within RoundTrip
	})
}

// farewell takes a response for the end of its connection, where it says so: as in
// HTTP/1.0, or by "Connection: close" (RFC 9112, 9.6).
func (x *exchange) farewell(response *http.Response) {
	switch {
	case !response.Close:
	case x.conn != nil:
		x.conn.ends()
	case response.ContentLength < 0:
		x.pool.closing.Store(true)
	}
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
