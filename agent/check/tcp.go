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
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

func newTCP(_ *Runner, d Definition) prober {
	if d.TCPUseTLS {
		dialer := &tls.Dialer{Config: &tls.Config{ServerName: d.TLSServerName, InsecureSkipVerify: d.TLSSkipVerify}}
		return &tcpProbe{d.TCP, "TCP+TLS", dialer.DialContext}
	}
	return &tcpProbe{d.TCP, "TCP", (&net.Dialer{}).DialContext}
}

func (p *tcpProbe) probe(ctx context.Context) Result {
	conn, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return Result{state.Critical, err.Error()}
	}
	_ = conn.Close() // it was taken, which is all that counts
	return Result{state.Passing, fmt.Sprintf("%s connect %s: Success", p.name, p.address)}
}
