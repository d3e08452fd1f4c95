package httpdiscover_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/httpdiscover"
)

// benchmarkServer answers each request at once.
func benchmarkServer(b *testing.B) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") }))
	b.Cleanup(server.Close)
	return server
}

// BenchmarkRoundTrip is a request over loopback, with a plain transport and with
// this one.
func BenchmarkRoundTrip(b *testing.B) {
	server := benchmarkServer(b)
	address := server.Listener.Addr().(*net.TCPAddr)
	i := discover.Instance{ID: "web-1", Service: "web", Address: address.IP.String(), Port: address.Port, Weights: discover.Weights{Passing: 1}}
	cache := discover.NewCache(discover.Fixed(i), discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, httpdiscover.Config{})
	defer transport.Close()
	plain := &http.Transport{}
	defer plain.CloseIdleConnections()

	for _, way := range []struct {
		name      string
		transport http.RoundTripper
		url       string
	}{{"plain", plain, server.URL}, {"discover", transport, "http://web"}} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			r, err := http.NewRequest("GET", way.url, nil)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				response, err := way.transport.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}
