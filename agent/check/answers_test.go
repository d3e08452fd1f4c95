package check

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/realjf/muster/agent/state"
)

// spoken is a connection on which the other side has said all that it will.
type spoken struct{ in *bytes.Reader }

func (s spoken) Read(p []byte) (int, error)     { return s.in.Read(p) }
func (spoken) Write(p []byte) (int, error)      { return len(p), nil }
func (spoken) Close() error                     { return nil }
func (spoken) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (spoken) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (spoken) SetDeadline(time.Time) error      { return nil }
func (spoken) SetReadDeadline(time.Time) error  { return nil }
func (spoken) SetWriteDeadline(time.Time) error { return nil }

// FuzzHTTPAnswer: whatever a target answers, the check is as its status says,
// read as the standard library reads it, and its output is no longer than it
// may be.
func FuzzHTTPAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\nfine", "HTTP/1.1 429 Slow\r\nContent-Length: 3\r\n\r\nabcd", "HTTP/1.0 503 \r\n\r\n", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"HTTP/1.1 301 Moved\r\nLocation: http://x\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b", "", "SSH-2.0",
	} {
		f.Add([]byte(seed), 16)
	}
	f.Fuzz(func(t *testing.T, said []byte, size int) {
		if size < 1 || size > DefaultOutputSize || len(said) > 64<<10 {
			t.Skip()
		}
		client := &http.Client{
			Transport: &http.Transport{
				DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
				DialContext: func(context.Context, string, string) (net.Conn, error) { return spoken{bytes.NewReader(said)}, nil },
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		d := Definition{HTTP: "http://target/", OutputMaxSize: size}
		got := (&httpProbe{definition: d, client: client}).probe(t.Context())
		in := bufio.NewReader(bytes.NewReader(said))
		response, err := http.ReadResponse(in, nil)
		for err == nil && response.StatusCode >= 100 && response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
			response, err = http.ReadResponse(in, nil) // it is not the answer yet
		}
		switch {
		case err != nil:
			if got.Status != state.Critical {
				t.Errorf("%q is no answer (%v), and the check is %+v", said, err, got)
			}
		case got.Status == state.Passing != (response.StatusCode/100 == 2) && !strings.Contains(got.Output, "malformed"):
			if !strings.HasPrefix(got.Output, "Get ") { // the client is stricter than the reader
				t.Errorf("%q has status %d, and the check is %+v", said, response.StatusCode, got)
			}
		}
		if strings.HasPrefix(got.Output, "HTTP ") {
			_, body, _ := strings.Cut(got.Output, " Output: ")
			if err == nil && !strings.Contains(response.Status, " Output: ") && len(body) > size {
				t.Errorf("the output has %d bytes, and may have %d", len(body), size)
			}
		}
	})
}

// FuzzPing: whatever comes after a ping, it is passed by its acknowledgement
// alone.
func FuzzPing(f *testing.F) {
	frames := func(write func(*http2.Framer)) []byte {
		var out bytes.Buffer
		write(http2.NewFramer(&out, nil))
		return out.Bytes()
	}
	data := [8]byte{'m', 'u', 's', 't', 'e', 'r'}
	f.Add(frames(func(w *http2.Framer) { _ = w.WriteSettings(); _ = w.WritePing(true, data) }))
	f.Add(frames(func(w *http2.Framer) { _ = w.WritePing(false, data); _ = w.WritePing(true, [8]byte{}) }))
	f.Add(frames(func(w *http2.Framer) { _ = w.WriteGoAway(0, http2.ErrCodeNo, nil) }))
	f.Add(frames(func(w *http2.Framer) { _ = w.WriteGoAway(0, http2.ErrCodeProtocol, []byte("x")) }))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		ack := frames(func(w *http2.Framer) { _ = w.WritePing(true, data) })
		err := ping(spoken{bytes.NewReader(said)})
		if err == nil && !bytes.Contains(said, ack[9:]) {
			t.Errorf("%x is taken for an acknowledgement", said)
		}
		if err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
		if err := ping(spoken{bytes.NewReader(append(ack, said...))}); err != nil {
			t.Errorf("%x behind an acknowledgement: %v", said, err)
		}
	})
}
