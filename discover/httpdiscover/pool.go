package httpdiscover

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
)

// pool is the connections to one instance. net/http cannot close those to one
// host, so each instance has a transport of its own.
type pool struct {
	transport *http.Transport
	host      string // the address and port that it connects to
	dial      dialFunc
	tls       bool
	doubt     doubt
	silence   silence
	lingering atomic.Int32 // attempts that have lost and go on
	closing   atomic.Bool  // responses end with their connections
	retired   atomic.Bool
}

// dialFunc makes a connection, as http.Transport.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialOf returns what a transport makes connections with.
func dialOf(t *http.Transport) dialFunc {
	if t.DialContext != nil {
		return t.DialContext
	}
	//lint:ignore SA1019 it is what a Base may still have
	if dial := t.Dial; dial != nil {
		return func(_ context.Context, network, address string) (net.Conn, error) { return dial(network, address) }
	}
	return new(net.Dialer).DialContext
}

// newPool returns a pool without connections.
func newPool(base *http.Transport, where endpoint) *pool {
	p := &pool{transport: base.Clone(), host: net.JoinHostPort(where.address, strconv.Itoa(where.port)), dial: dialOf(base)}
	p.transport.DialContext = p.connect
	if p.tls = where.serverName != ""; p.tls {
		if p.transport.TLSClientConfig == nil {
			p.transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if p.transport.TLSClientConfig.ServerName == "" {
			p.transport.TLSClientConfig.ServerName = where.serverName
		}
	}
	return p
}

// connect makes a connection of which it is known when it is lost. One to a proxy
// says nothing of the instance, and those that a Base's DialTLSContext makes do
// not come by here.
func (p *pool) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if address != p.host {
		return p.dial(ctx, network, address)
	}
	signs := p.doubt.signs.Load()
	conn, err := p.dial(ctx, network, address)
	if err != nil {
		if ctx.Err() == nil {
			p.doubt.raise()
		}
		return nil, err
	}
	p.doubt.settle(signs)
	return &connection{Conn: conn, lost: p.doubt.raise}, nil
}

// reach makes a connection and ends it. With TLS the other side must take part in
// the handshake: one that is overrun, or a load balancer with nobody behind it, takes
// connections and breaks it. What becomes of this connection is no sign.
func (p *pool) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	signs := p.doubt.signs.Load()
	conn, err := p.dial(ctx, "tcp", p.host)
	if err != nil {
		return err
	}
	if p.tls {
		lost := false
		secure := tls.Client(&connection{Conn: conn, lost: func() { lost = true }}, p.transport.TLSClientConfig.Clone())
		conn = secure // whose server takes an end without a word for an incident
		// What a certificate is worth is for requests to find out.
		if err = secure.HandshakeContext(ctx); !lost && ctx.Err() == nil {
			err = nil
		}
	}
	_ = conn.Close() // it was taken or not, and that was asked
	if err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	p.doubt.settle(signs)
	return nil
}

// linger reports whether one more attempt that has lost may go on.
func (p *pool) linger() bool {
	if p.lingering.Add(1) > enough {
		p.lingering.Add(-1)
		return false
	}
	return true
}

// retire closes the idle connections now, and the others when their requests
// have ended.
func (p *pool) retire() {
	p.retired.Store(true)
	p.transport.CloseIdleConnections()
}

// release says that a request has ended. Its connection is idle by then:
// net/http puts it back before the reader sees the end of the response.
func (p *pool) release() {
	if p.retired.Load() {
		p.transport.CloseIdleConnections()
	}
}
