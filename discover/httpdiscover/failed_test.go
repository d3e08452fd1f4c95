package httpdiscover_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/realjf/muster/discover/httpdiscover"
)

// The error that a caller gets names the instance, and is net/http's and the
// client's as before.
func TestErrorsNameTheInstance(t *testing.T) {
	broken := serve(t, "web-1", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	hangs := serve(t, "hangs-1", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the end of the connection is not seen before
		<-r.Context().Done()
	})
	f := newFixture(t, httpdiscover.Config{})
	f.Set("web", broken.instance)
	f.Set("hangs", hangs.instance)
	f.Set("away", nobody("away-1", 1))
	for _, test := range []struct {
		url     string
		within  time.Duration
		want    error
		timeout bool
		words   string
	}{
		{"http://web/", time.Minute, io.EOF, false, `service "web", instance "web-1" at ` + broken.Listener.Addr().String() + ": EOF"},
		{"https://web/", time.Minute, http.ErrSchemeMismatch, false, `instance "web-1" at ` + broken.Listener.Addr().String()},
		{"http://away/", time.Minute, syscall.ECONNREFUSED, false, `service "away", instance "away-1" at 127.0.0.1:1: dial tcp`},
		{"http://hangs/", 50 * time.Millisecond, context.DeadlineExceeded, true, `instance "hangs-1" at ` + hangs.Listener.Addr().String()},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), test.within)
		_, err := f.client.Do(request(t, ctx, "POST", test.url, strings.NewReader("text")))
		cancel()
		var outer *url.Error
		if !errors.Is(err, test.want) || !errors.As(err, &outer) || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: got error %v, want one of the client's that is %q and says %s", test.url, err, test.want, test.words)
		} else if outer.Timeout() != test.timeout {
			t.Errorf("%s: %v is a timeout: %v", test.url, err, outer.Timeout())
		}
		var network net.Error
		if !errors.As(err, &network) {
			t.Errorf("%s: %v is no net.Error", test.url, err)
		}
	}
	// What is wrong with the request itself is nobody's doing.
	bad := request(t, t.Context(), "GET", "http://web/", nil)
	bad.Header["X"] = []string{"a\nb"}
	if _, err := f.transport.RoundTrip(bad); err == nil || strings.Contains(err.Error(), "instance") {
		t.Errorf("got error %v, want the one of the request", err)
	}
}
