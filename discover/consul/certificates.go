package consul

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"
)

// certificates are those that connections to a registry are made with: what the
// files of Consul's settings hold at the time. While they cannot be used, what
// they held last is.
type certificates struct {
	settings api.TLSConfig

	mu     sync.Mutex
	config *tls.Config
	stamp  string // of the files that config was made of
}

// renewCertificates makes transport's connections with certificates that are
// read again when their files change. Connections that there are stay as they
// are; the idle ones are closed.
func renewCertificates(transport *http.Transport, settings api.TLSConfig) {
	paths := []string{settings.CertFile, settings.KeyFile, settings.CAFile, settings.CAPath}
	if strings.Join(paths, "") == "" {
		return
	}
	c := &certificates{settings: settings, config: transport.TLSClientConfig, stamp: stampOf(paths...)}
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	transport.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.renew(stampOf(paths...)) {
			transport.CloseIdleConnections()
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := c.current()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		if transport.ForceAttemptHTTP2 {
			config.NextProtos = []string{"h2", "http/1.1"}
		}
		if limit := transport.TLSHandshakeTimeout; limit > 0 {
			bounded, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			ctx = bounded
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // the handshake's error is the one that tells
			return nil, err
		}
		return secure, nil
	}
}

// current returns a copy of what a connection is made with.
func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config.Clone()
}

// renew reads the files if their stamp is another one, and reports whether they
// were of use. What is half written is read again with the next connection.
func (c *certificates) renew(now string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now == c.stamp {
		return false
	}
	config, err := api.SetupTLSConfig(&c.settings)
	if err != nil {
		return false
	}
	c.config, c.stamp = config, now
	return true
}

// stampOf returns what changes when one of the files, or of those in one of the
// folders, does.
func stampOf(paths ...string) string {
	var stamp strings.Builder
	for _, path := range paths {
		if path == "" {
			continue
		}
		all := []string{path}
		if entries, err := os.ReadDir(path); err == nil {
			for _, entry := range entries {
				all = append(all, filepath.Join(path, entry.Name()))
			}
		}
		for _, one := range all {
			if info, err := os.Stat(one); err == nil {
				fmt.Fprintf(&stamp, "%q %d %d\n", one, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return stamp.String()
}
