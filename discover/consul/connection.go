package consul

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// Connections of net/http's to a registry may be many and idle: where watches have
// no line, and no HTTP/2, each holds one.
const (
	// connBuffer is the size of the buffers of a connection, in bytes. What is
	// read of a body goes past them.
	connBuffer = 1 << 10

	// keptConns is how many connections are kept though no request uses them.
	// When many watches are answered at once, none has to connect anew.
	keptConns = 256

	// pingEvery and pingPatience are after how long a silent connection of
	// HTTP/2, which many watches may share, is tried, and for how long.
	pingEvery, pingPatience = 30 * time.Second, 15 * time.Second
)

// connect gives settings without a client of HTTP a transport of the library's:
// a copy of theirs, made for watches. What the pattern says itself stays. It
// reports whether their TLSConfig is to be obeyed.
func connect(settings *api.Config) (certificates bool) {
	pattern := cmp.Or(settings.Transport, api.DefaultConfig().Transport)
	certificates = pattern.TLSClientConfig == nil && pattern.DialTLSContext == nil
	transport := pattern.Clone()
	if certificates {
		transport.TLSClientConfig = nil // which the copying has set
	}
	transport.ReadBufferSize = cmp.Or(transport.ReadBufferSize, connBuffer)
	transport.WriteBufferSize = cmp.Or(transport.WriteBufferSize, connBuffer)
	if transport.MaxIdleConns > 0 {
		transport.MaxIdleConns = max(transport.MaxIdleConns, keptConns)
	}
	if transport.MaxIdleConnsPerHost >= 0 {
		transport.MaxIdleConnsPerHost = max(transport.MaxIdleConnsPerHost, keptConns)
	}
	if transport.HTTP2 == nil {
		transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingEvery, PingTimeout: pingPatience}
	}
	settings.Transport = transport

	address := cmp.Or(settings.Address, api.DefaultConfig().Address)
	if socket, is := strings.CutPrefix(address, "unix://"); is {
		// Consul's client would make a connection for each request.
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
		settings.Address = "localhost"
	}
	return certificates
}
