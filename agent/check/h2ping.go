package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"

	"github.com/realjf/muster/agent/state"
)

// maxFrames is how many frames may come before the answer to a ping: a server
// sends its settings, and a flood of others has no end.
const maxFrames = 1000

// maxFrame is how large one may be: what a server may send by the RFC to who
// has not asked for more.
const maxFrame = 16 << 10

// h2Probe sends a PING of HTTP/2 (RFC 9113, 6.7): who acknowledges it is
// passing.
type h2Probe struct {
	address string
	dial    dial
}

func newH2Ping(_ *Runner, d Definition) prober {
	if !d.H2PingUseTLS {
		return &h2Probe{d.H2PING, dialer(nil)}
	}
	certificates := d.certificates()
	certificates.NextProtos = []string{http2.NextProtoTLS}
	return &h2Probe{d.H2PING, dialer(certificates)}
}

func (p *h2Probe) probe(ctx context.Context) Result {
	conn, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return Result{state.Critical, fmt.Sprintf("Failed to dial to %s: %s", p.address, err)}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := ping(conn); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return Result{state.Critical, fmt.Sprintf("HTTP2 ping failed: %s", err)}
	}
	return Result{state.Passing, "HTTP2 ping was successful"}
}

// ping makes a connection one of HTTP/2, sends a PING and waits until it is
// acknowledged.
func ping(conn net.Conn) error {
	data := [8]byte{'m', 'u', 's', 't', 'e', 'r'}
	var hello bytes.Buffer // sent at once: whoever is no HTTP/2 hangs up in the midst of more
	hello.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&hello, conn)
	framer.SetMaxReadFrameSize(maxFrame)
	_ = framer.WriteSettings()
	_ = framer.WritePing(false, data)
	if _, err := conn.Write(hello.Bytes()); err != nil {
		return err
	}
	for range maxFrames {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.PingFrame:
			if f.IsAck() && f.Data == data {
				return nil
			}
		case *http2.GoAwayFrame:
			if f.ErrCode != http2.ErrCodeNo {
				return fmt.Errorf("the server went away: %s", f.ErrCode)
			}
		}
	}
	return errors.New("many frames came, and no acknowledgement")
}
