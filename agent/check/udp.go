package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/realjf/muster/agent/state"
)

// udpProbe sends an empty datagram: whoever answers, or is silent for the whole
// timeout, is passing; only a host that says that nobody is there is critical.
type udpProbe struct{ address string }

func newUDP(_ *Runner, d Definition) prober { return &udpProbe{d.UDP} }

func (p *udpProbe) probe(ctx context.Context) Result {
	err := p.knock(ctx)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return Result{state.Critical, err.Error()}
	}
	return Result{state.Passing, fmt.Sprintf("UDP connect %s: Success", p.address)}
}

// knock returns nil on an answer, and [os.ErrDeadlineExceeded] when none comes
// until ctx ends.
func (p *udpProbe) knock(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", p.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write(nil); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}
