package consul

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/realjf/muster/internal/pace"
)

// How a registry that cannot be reached is looked for. As the pace of loops,
// this is fixed: see package pace.
const (
	// probeEvery is the mean time from the end of one probe to the next; each
	// is an eighth more or less, and the first comes at any time within it, so that
	// processes do not probe as one. Those who find a registry there are spread
	// over it.
	probeEvery = 200 * time.Millisecond

	// probePatience is how long a connection may take. Where packets get lost
	// the next probe is better than the kernel's own second try.
	probePatience = 250 * time.Millisecond

	// probeHold is how long a connection must last. What stands before a
	// registry may accept, and find out only then that nobody is there.
	probeHold = 20 * time.Millisecond

	// returnGap is the mean time from one who waited to the next in the same
	// process, once the registry is there.
	returnGap = time.Millisecond
)

// prober finds out when a registry can be reached again, for all who wait for
// it in this process.
type prober struct {
	dial func(context.Context) (net.Conn, error) // nil where it cannot tell

	mu     sync.Mutex
	outage *outage // nil while nobody waits
}

// outage is one that some wait for the end of.
type outage struct {
	waiting int           // guarded by the prober's mu
	over    chan struct{} // closed when it is over
	within  time.Duration // who waited comes back, once it is over

	stop context.CancelFunc
	done chan struct{} // closed when nobody probes any more
}

func newProber(dial func(context.Context) (net.Conn, error)) *prober { return &prober{dial: dial} }

// reach is [Client.Reach].
func (p *prober) reach(ctx context.Context) error {
	if p.dial == nil {
		return errors.ErrUnsupported
	}
	o := p.join()
	defer p.leave(o)
	select {
	case <-o.over:
		return pace.Sleep(ctx, rand.N(o.within))
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *prober) join() *outage {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outage == nil {
		ctx, stop := context.WithCancel(context.Background())
		p.outage = &outage{over: make(chan struct{}), stop: stop, done: make(chan struct{})}
		go p.probe(ctx, p.outage) // the last to leave stops it and waits
	}
	p.outage.waiting++
	return p.outage
}

func (p *prober) leave(o *outage) {
	p.mu.Lock()
	o.waiting--
	last := o.waiting == 0
	if last && p.outage == o {
		p.outage = nil
	}
	p.mu.Unlock()
	if last {
		o.stop()
		<-o.done
	}
}

// probe tries until somebody is there or ctx ends.
func (p *prober) probe(ctx context.Context, o *outage) {
	defer close(o.done)
	for wait := rand.N(probeEvery); pace.Sleep(ctx, wait) == nil; wait = probeEvery*7/8 + rand.N(probeEvery/4) {
		if p.connects(ctx) {
			p.end(o)
			return
		}
	}
}

// end says that an outage is over. Who comes from now on begins another one.
func (p *prober) end(o *outage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.within = min(time.Duration(o.waiting)*returnGap, pace.Every)
	close(o.over)
	if p.outage == o {
		p.outage = nil
	}
}

// connects reports whether somebody is there.
func (p *prober) connects(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	conn, err := p.dial(bounded)
	if err != nil {
		return false
	}
	defer conn.Close()
	// A server waits for the client to speak: all that can be read is an end.
	if err := conn.SetReadDeadline(time.Now().Add(probeHold)); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 1))
	return err == nil || errors.Is(err, os.ErrDeadlineExceeded)
}

// dialerTo returns what connects to a registry as client does; nil where that
// goes another way, such as through a proxy.
func dialerTo(client *http.Client, base url.URL) func(context.Context) (net.Conn, error) {
	transport, is := cmp.Or[http.RoundTripper](client.Transport, http.DefaultTransport).(*http.Transport)
	if !is {
		return nil
	}
	if transport.Proxy != nil {
		if proxy, err := transport.Proxy(&http.Request{URL: &base}); err != nil || proxy != nil {
			return nil
		}
	}
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	address := hostPortOf(base)
	return func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", address) }
}

// isNear reports whether a host is this machine.
func isNear(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
