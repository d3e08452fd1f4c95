package check

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxHeader is how large the head of a target's answer may be: targets are
// other people's, and there may be many at a time.
const maxHeader = 256 << 10

// buffer is how much is read and written at once: checks are short, and each
// buffer lives as long as its connection, which is one probe.
const buffer = 1 << 10

// certificates returns which certificates the check takes.
func (d Definition) certificates() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: d.TLSServerName, InsecureSkipVerify: d.TLSSkipVerify} // #nosec G402 -- who registered it may say so of each check
}

// protocol is what a transport speaks.
type protocol int

const (
	anyHTTP  protocol = iota // HTTP/1.1, or HTTP/2 where TLS agrees on it
	clearRPC                 // HTTP/2 from the first byte, without TLS
	tlsRPC                   // HTTP/2 over TLS
)

// transports are those over which checks ask by HTTP. Checks that take the
// same certificates share one: with its tables it is larger than all else of
// a check. It has a connection of its own for each probe nevertheless: a kept
// one would say that the connection is alive, not that the server still
// accepts.
type transports struct {
	mu     sync.Mutex
	shared map[sharing]*http.Transport
}

// sharing is what transports may have in common. Server names are not among
// it: they are strangers', and a table of them would only grow.
type sharing struct {
	protocol   protocol
	skipVerify bool
}

// of returns the transport for a check.
func (t *transports) of(p protocol, d Definition) *http.Transport {
	if d.TLSServerName != "" {
		return newTransport(p, d.certificates())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := sharing{p, d.TLSSkipVerify}
	if t.shared[key] == nil {
		if t.shared == nil {
			t.shared = map[sharing]*http.Transport{}
		}
		t.shared[key] = newTransport(p, d.certificates())
	}
	return t.shared[key]
}

func newTransport(p protocol, certificates *tls.Config) *http.Transport {
	dialer := &net.Dialer{KeepAlive: -1} // nothing lives that long
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		DisableKeepAlives:      true,
		TLSClientConfig:        certificates,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         buffer,
		WriteBufferSize:        buffer,
		Protocols:              new(http.Protocols),
	}
	switch p {
	case anyHTTP:
		t.Proxy = http.ProxyFromEnvironment // as Consul does
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
	case clearRPC:
		t.Protocols.SetUnencryptedHTTP2(true)
	case tlsRPC:
		t.Protocols.SetHTTP2(true)
	}
	return t
}
