package httpdiscover_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
)

// lingering is a connection of which who reads sees the end before who closes it
// goes on.
type lingering struct{ net.Conn }

func (l lingering) Close() error {
	defer time.Sleep(time.Millisecond)
	return l.Conn.Close()
}

// A stream that is closed while somebody waits for more of it, as a proxy does
// whose client left, is no failure of its instance.
func TestStreamIsClosedWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		network.serve(t, instance(1), echo)
		network.serve(t, instance(2), echo)
		base := &http.Transport{DialContext: func(ctx context.Context, by, address string) (net.Conn, error) {
			conn, err := network.dial(ctx, by, address)
			return lingering{conn}, err
		}}
		var ejections balance.Ejections
		f := newFixture(t, httpdiscover.Config{Base: base, Policy: ejections.Outlier(balance.OutlierConfig{InARow: 1}, balance.RoundRobin())})
		f.Set("web", instance(1), instance(2))
		r := request(t, t.Context(), "GET", "http://web", nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "echo")
		response, err := f.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, response.Body) }() // ends with the stream
		synctest.Wait()
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second) // for the policy to see what there was
		if got := ejections.Services()["web"]; got.Total != 0 {
			t.Errorf("%d instances were ejected", got.Total)
		}
	})
}

// The last connection to an instance that left is closed with its last stream,
// over HTTP/2 too, where the end is read a moment before the stream is done with.
func TestLastStreamOfHTTP2(t *testing.T) {
	for range 20 { // as that moment is short
		more := make(chan struct{})
		web := newBackend(t, "web-1", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "begin ")
			_ = http.NewResponseController(w).Flush()
			<-more
			_, _ = io.WriteString(w, "end")
		})
		web.EnableHTTP2 = true
		web.StartTLS()
		f := newFixture(t, httpdiscover.Config{TLS: &tls.Config{InsecureSkipVerify: true}}) // who it is does not matter here
		f.Set("web", web.instance)
		response, err := f.client.Get("https://web")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.transport.Close(); err != nil {
			t.Error(err)
		}
		close(more)
		if body, err := io.ReadAll(response.Body); string(body) != "begin end" || err != nil {
			t.Errorf("got %q, error %v", body, err)
		}
		if n, err := response.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the end: %d bytes, error %v", n, err)
		}
		_ = response.Body.Close()
		<-web.closed
	}
}

// A failure is not waited for to its end: another instance is asked.
func TestFailureThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		network.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		network.serve(t, instance(2), ok)
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: first{"web-1"}})
		f.Set("web", instance(1), instance(2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		status, by, _ := f.do(t, request(t, ctx, "GET", "http://web", nil))
		if took := time.Since(begin); status != http.StatusOK || took > time.Second {
			t.Errorf("got %d of %q after %s", status, by, took)
		}
	})
}

// What speaks HTTP/2 with net/http does so here.
func TestBaseOfHTTP2(t *testing.T) {
	web := newBackend(t, "web-1", ok)
	web.EnableHTTP2 = true
	web.StartTLS()
	for name, test := range map[string]struct {
		base *http.Transport
		want int
	}{
		"by itself":    {&http.Transport{MaxIdleConnsPerHost: 7}, 2},
		"not wanted":   {&http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}, 1},
		"not asked to": {&http.Transport{DialContext: new(net.Dialer).DialContext}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, httpdiscover.Config{Base: test.base, TLS: &tls.Config{InsecureSkipVerify: true}}) // who it is does not matter here
			f.Set("web", web.instance)
			response, err := f.client.Get("https://web")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.ProtoMajor != test.want {
				t.Errorf("got %s", response.Proto)
			}
		})
	}
}
