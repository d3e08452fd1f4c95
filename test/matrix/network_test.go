package matrix

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// network is what lies between callers, instances and the registry.
type network interface {
	registry(*agent.Config)
	listen(instance int) (net.Listener, error)
	dial(ctx context.Context, network, address string) (net.Conn, error)
}

// loopback is this machine's.
type loopback struct{}

func (loopback) registry(*agent.Config) {}

func (loopback) listen(int) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func (loopback) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, address)
}

// memory is one without sockets. Who does not listen refuses connections.
type memory struct {
	mu   sync.Mutex
	open map[string]*pipes
}

func newMemory() *memory { return &memory{open: map[string]*pipes{}} }

func (*memory) registry(c *agent.Config) { agenttest.InMemory(c) }

func (m *memory) listen(instance int) (net.Listener, error) {
	l := &pipes{net: m, at: fmt.Sprintf("10.0.0.%d:80", instance+1), conns: make(chan net.Conn), closed: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[l.at] = l
	return l, nil
}

func (m *memory) dial(ctx context.Context, network, address string) (net.Conn, error) {
	m.mu.Lock()
	l := m.open[address]
	m.mu.Unlock()
	if l != nil {
		here, there := net.Pipe()
		select {
		case l.conns <- there:
			return here, nil
		case <-l.closed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// pipes listens in memory.
type pipes struct {
	net    *memory
	at     string
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr  { return p }
func (p *pipes) Network() string { return "memory" }
func (p *pipes) String() string  { return p.at }
