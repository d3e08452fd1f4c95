package httpdiscover_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/httpdiscover"
)

// Who ends a connection with its response, and says so, is not in doubt for that.
func TestResponsesThatEndTheirConnection(t *testing.T) {
	for name, head := range map[string]string{
		"HTTP/1.0":          "HTTP/1.0 200 OK\r\n\r\n",
		"Connection: close": "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				base := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // who it is does not matter here
				f := newFixture(t, httpdiscover.Config{Base: base, Policy: byTurns})
				var all []discover.Instance
				for n := range 3 {
					b := newBackend(t, instance(n).ID, func(w http.ResponseWriter, _ *http.Request) {
						conn, _, err := http.NewResponseController(w).Hijack()
						if err != nil {
							t.Error(err)
							return
						}
						_, _ = io.WriteString(conn, head+"hello")
						if secure, ok := conn.(*tls.Conn); ok {
							conn = secure.NetConn() // without a word of TLS
						}
						_ = conn.Close() // the end of the response
					})
					if scheme == "https" {
						b.StartTLS()
					} else {
						b.Start()
					}
					all = append(all, b.instance)
				}
				f.Set("web", all...)
				for range 60 {
					if _, _, body := f.do(t, request(t, t.Context(), "GET", scheme+"://web", nil)); body != "hello" {
						t.Errorf("got %q", body)
					}
				}
				// The first response of each has told how it is, and the next connection that it lives.
				waitFor(t, "nobody is in doubt", func() bool { return f.transport.InDoubt("web") == 0 })
			})
		}
	}
}
