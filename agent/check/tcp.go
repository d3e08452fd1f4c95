package check

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/realjf/muster/agent/state"
)

// tcpProbe connects: who takes the connection is passing.
type tcpProbe struct {
	address string
	name    string // as the output calls it
	dial    dial
}

// dial is how connections are made, with TLS or without.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// dialer returns how to connect, over TLS with certificates that are not nil.
func dialer(certificates *tls.Config) dial {
	plain := &net.Dialer{KeepAlive: -1} // nothing lives that long
	if certificates == nil {
		return plain.DialContext
	}
	return (&tls.Dialer{NetDialer: plain, Config: certificates}).DialContext
}

func newTCP(_ *Runner, d Definition) prober {
	if d.TCPUseTLS {
		return &tcpProbe{d.TCP, "TCP+TLS", dialer(d.certificates())}
	}
	return &tcpProbe{d.TCP, "TCP", dialer(nil)}
}

func (p *tcpProbe) probe(ctx context.Context) Result {
	conn, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return Result{state.Critical, err.Error()}
	}
	_ = conn.Close() // it was taken, which is all that counts
	return Result{state.Passing, fmt.Sprintf("%s connect %s: Success", p.name, p.address)}
}
