package httpdiscover

import (
	"crypto/tls"
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
	retired   atomic.Bool
}

// newPool returns a pool without connections.
func newPool(base *http.Transport, where endpoint) *pool {
	p := &pool{transport: base.Clone(), host: net.JoinHostPort(where.address, strconv.Itoa(where.port))}
	if where.serverName != "" {
		if p.transport.TLSClientConfig == nil {
			p.transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if p.transport.TLSClientConfig.ServerName == "" {
			p.transport.TLSClientConfig.ServerName = where.serverName
		}
	}
	return p
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
