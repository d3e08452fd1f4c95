package agenttest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// gate is where clients come in: it outlives what stands behind it, so that
// addresses stay, and it knows who comes. Each client's name has a door of its
// own. It is safe for concurrent use.
type gate struct {
	listen string        // where doors listen; empty for doors in memory
	base   atomic.Uint64 // what is taken from every index that is told

	mu    sync.Mutex
	doors map[string]*door
	into  *entry // nil while nobody is there
	begun []*begun
	all   sync.WaitGroup // what the doors run
}

func newGate(listen string) *gate { return &gate{listen: listen, doors: map[string]*door{}} }

// door is one client's.
type door struct {
	gate    *gate
	client  string
	address string
	bound   net.Listener // nil in memory

	// Below: with the gate's mutex held.
	conns map[*conn]struct{} // that are open
	now   state
}

// door returns the one of a client, which it opens if there is none.
func (g *gate) door(client string) (*door, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d := g.doors[client]; d != nil {
		return d, nil
	}
	d := &door{gate: g, client: client, address: inMemory, conns: map[*conn]struct{}{}}
	if g.listen != "" {
		var err error
		if d.bound, err = net.Listen("tcp", g.address(client)); err != nil {
			return nil, err
		}
		d.address = d.bound.Addr().String()
		g.all.Go(d.accept) // ends with the listener; awaited by close
	}
	g.doors[client] = d
	d.settle()
	return d, nil
}

// address is where the door of a client is to listen: beside the registry's own
// there are free ports only.
func (g *gate) address(client string) string {
	host, _, err := net.SplitHostPort(g.listen)
	if client == "" || err != nil {
		return g.listen
	}
	return net.JoinHostPort(host, "0")
}

// accept takes connections until the listener is closed.
func (d *door) accept() {
	for {
		c, err := d.bound.Accept()
		if err != nil {
			return
		}
		d.enter(c)
	}
}

// enter lets a connection in, or cuts it where nobody may come in. It reports
// which.
func (d *door) enter(c net.Conn) bool {
	d.gate.mu.Lock()
	into, mine := d.gate.into, &conn{Conn: c, door: d}
	shut := into == nil || d.now.fault.down
	if !shut {
		d.conns[mine] = struct{}{}
	}
	d.gate.mu.Unlock()
	if shut {
		reset(c)
		return false
	}
	select {
	case into.conns <- mine:
		return true
	case <-into.closed:
		mine.cut()
		return false
	}
}

// cut ends all connections of the door; the caller holds the gate's mutex.
func (d *door) cut() {
	for c := range d.conns {
		reset(c.Conn)
	}
	clear(d.conns)
}

// dial connects to the registry by this door.
func (d *door) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.bound != nil {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
	here, there := pipe()
	if !d.enter(there) {
		return nil, &net.OpError{Op: "dial", Net: "memory", Addr: here.RemoteAddr(), Err: syscall.ECONNREFUSED}
	}
	return here, nil
}

// entry returns a listener for one life of a registry: it has the connections
// of all doors while it is open.
func (g *gate) entry() *entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := net.Addr(memory{})
	if d := g.doors[""]; d.bound != nil {
		at = d.bound.Addr()
	}
	return &entry{at: at, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// open leads all who come from now on to one life of a registry, or nowhere, and
// cuts all connections with the one before.
func (g *gate) open(to *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.into = to
	for _, d := range g.doors {
		d.cut()
	}
}

// close ends all doors.
func (g *gate) close() {
	g.mu.Lock()
	for _, d := range g.doors {
		if d.bound != nil {
			_ = d.bound.Close() // nobody is left to be told
		}
		d.cut()
		d.now.end()
	}
	g.mu.Unlock()
	g.all.Wait()
}

// entry is a net.Listener for the connections that a gate lets in.
type entry struct {
	at     net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (e *entry) Accept() (net.Conn, error) {
	select {
	case c := <-e.conns:
		return c, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (e *entry) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

// Addr implements net.Listener.
func (e *entry) Addr() net.Addr { return e.at }

// conn is a connection that knows its door.
type conn struct {
	net.Conn
	door *door
}

// LocalAddr implements net.Conn: requests know by it whose they are.
func (c *conn) LocalAddr() net.Addr { return place{c.Conn.LocalAddr(), c.door} }

// Close implements net.Conn.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite lets the client read what was written, where the network can.
func (c *conn) CloseWrite() error {
	if half, can := c.Conn.(interface{ CloseWrite() error }); can {
		return half.CloseWrite()
	}
	return nil
}

func (c *conn) cut() {
	c.leave()
	reset(c.Conn)
}

func (c *conn) leave() {
	c.door.gate.mu.Lock()
	defer c.door.gate.mu.Unlock()
	delete(c.door.conns, c)
}

// place is an address at a door.
type place struct {
	net.Addr
	door *door
}

// reset closes a connection so that the other side sees it cut.
func reset(c net.Conn) {
	if tcp, is := c.(*net.TCPConn); is {
		_ = tcp.SetLinger(0) // it is cut, if not so hard
	}
	_ = c.Close() // it is for that
}
