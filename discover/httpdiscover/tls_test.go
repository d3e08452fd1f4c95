package httpdiscover_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"

	"github.com/realjf/muster/discover/httpdiscover"
)

// A certificate must be for the name in the URL, and one that is not is no place
// to send anything.
func TestTLS(t *testing.T) {
	web := newBackend(t, "web-1", ok)
	web.EnableHTTP2 = true
	web.StartTLS() // for "example.com", "127.0.0.1" and "::1"
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	f := newFixture(t, httpdiscover.Config{TLS: &tls.Config{RootCAs: roots}})
	f.Set("example.com", web.instance)
	f.Set("web", web.instance)

	response, err := f.client.Get("https://example.com")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 {
		t.Errorf("got %s, want HTTP/2", response.Proto)
	}
	f.seen()

	_, err = f.client.Post("https://web", "text/plain", http.NoBody)
	var stranger x509.HostnameError
	if !errors.As(err, &stranger) || stranger.Host != "web" {
		t.Errorf("got error %v, want a certificate that is not for web", err)
	}
	if n := len(f.seen()); n != 3 {
		t.Errorf("%d attempts, want 3: nothing was sent", n)
	}
	if n := web.requests.Load(); n != 1 {
		t.Errorf("%d requests came", n)
	}

	named := newFixture(t, httpdiscover.Config{TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}})
	named.Set("web", web.instance)
	named.do(t, request(t, t.Context(), "GET", "https://web", nil))
}
