package consul

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/refusal"
)

var asked = discover.Query{Service: "web"}

// connections counts those to a server, and returns it with a conversation over a
// line that is asked for compressed answers.
func connections(t *testing.T, handle http.HandlerFunc) (*httptest.Server, discover.Source, *atomic.Int32) {
	t.Helper()
	made := new(atomic.Int32)
	server := httptest.NewUnstartedServer(handle)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, lineBy(t, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}), made
}

// lineBy returns a conversation over a line of that make, to a registry far away.
func lineBy(t testing.TB, dial func(context.Context) (net.Conn, error)) discover.Source {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	registry, err := New(&api.Config{Address: "registry.example:80", Transport: transport}, Config{Wait: 16 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if registry.line == nil {
		t.Fatal("the registry is not asked over lines")
	}
	talk := registry.Open()
	t.Cleanup(func() { _ = talk.Close(); registry.CloseIdleConnections() })
	return talk
}

// TestALineIsKept from question to question, whatever form answers have, and as
// long as they are read to their end.
func TestALineIsKept(t *testing.T) {
	var big []string
	for n := range 1000 {
		big = append(big, fmt.Sprintf(`{"Node":{"Node":"n"},"Service":{"ID":"%d"},"Checks":[]}`, n))
	}
	list := "[" + strings.Join(big, ",") + "]"
	var form http.HandlerFunc
	_, talk, made := connections(t, func(w http.ResponseWriter, r *http.Request) { form(w, r) })
	ask := func(name string, want int, handle http.HandlerFunc) {
		t.Helper()
		form = handle
		s, err := talk.Next(t.Context(), asked, 0)
		if (want < 0) != (err != nil) || err == nil && (len(s.Instances) != want || s.Err != nil) {
			t.Errorf("%s: got %d instances, %v, %v; want %d", name, len(s.Instances), s.Err, err, want)
		}
	}
	ask("short", 0, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	ask("long", 1000, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(list)))
		_, _ = io.WriteString(w, list)
	})
	ask("in chunks", 1000, func(w http.ResponseWriter, _ *http.Request) {
		for part := range strings.SplitAfterSeq(list, "}") {
			_, _ = io.WriteString(w, part)
			if strings.HasSuffix(part, "9\"}") {
				w.(http.Flusher).Flush()
			}
		}
	})
	ask("compressed", 1000, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error("nobody asked for compression")
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zip([]byte(list)))
	})
	ask("with interim answers", 0, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		_, _ = io.WriteString(w, "[]")
	})
	ask("an error", -1, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no leader", 500) })
	ask("no content", -1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if n := made.Load(); n != 1 {
		t.Fatalf("made %d connections, want one", n)
	}
	ask("the last", 0, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "[]")
	})
	ask("after the last", 0, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	if n := made.Load(); n != 2 {
		t.Errorf("made %d connections, want another after the one that the registry closed", n)
	}
	ask("an error without an end", -1, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		for range 100 {
			_, _ = io.WriteString(w, strings.Repeat("no", 1000))
		}
	})
	ask("after it", 0, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	if n := made.Load(); n != 3 {
		t.Errorf("made %d connections, want another after what was not read to its end", n)
	}
}

func zip(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(text)
	_ = w.Close()
	return out.Bytes()
}

// TestALineThatBreaks before anything of an answer came is another one from then
// on, once, if it was good before; and the answer is told apart.
func TestALineThatBreaks(t *testing.T) {
	var breaks atomic.Int32 // how often from now on
	server, talk, made := connections(t, func(w http.ResponseWriter, _ *http.Request) {
		if breaks.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "[]")
	})
	ask := func(wantErr, interrupted bool, wantMade int32) {
		t.Helper()
		s, err := talk.Next(t.Context(), asked, 1)
		if (err != nil) != wantErr || errors.Is(s.Err, refusal.ErrInterrupted) != interrupted || made.Load() != wantMade {
			t.Errorf("got error %v, interrupted %v, after %d connections; want %v, %v, %d", err, s.Err, made.Load(), wantErr, interrupted, wantMade)
		}
		if wantErr && !strings.Contains(err.Error(), server.Listener.Addr().String()) {
			t.Errorf("it is not told whom it was asked: %v", err)
		}
	}
	breaks.Store(1)
	ask(true, false, 1) // it was never good
	ask(false, false, 2)
	breaks.Store(1)
	ask(false, true, 3)
	ask(false, false, 3)
	breaks.Store(2)
	ask(true, false, 4)
	ask(false, true, 5) // the break before is not forgotten
}

// raw is a dialer to a registry that takes a question and says so.
func raw(says string) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go func() { // ends when it has said it, or the other side closed
			defer there.Close()
			if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
				_, _ = io.WriteString(there, says)
			}
		}()
		return here, nil
	}
}

// TestAHostileRegistry: what is no answer is an error, soon and with little read.
func TestAHostileRegistry(t *testing.T) {
	const good = "HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: 2\r\n\r\n[]"
	for name, says := range map[string]string{
		"nothing":            "",
		"rubbish":            "220 mail.example ESMTP\r\n",
		"bytes":              strings.Repeat("\x00\xff", 1000),
		"TLS":                "\x15\x03\x01\x00\x02\x02\x46",
		"HTTP/2":             "\x00\x00\x12\x04\x00\x00\x00\x00\x00",
		"a long line":        "HTTP/1.1 200 " + strings.Repeat("x", 1<<20),
		"a long header":      "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20),
		"many headers":       "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1<<18),
		"interim answers":    strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000) + good,
		"another protocol":   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"two lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]]",
		"a length below 0":   "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n[]",
		"less than it says":  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]",
		"a chunk of no size": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n[]\r\n0\r\n\r\n",
		"a coding":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\n[]",
		"no gzip":            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
	} {
		if s, err := lineBy(t, raw(says)).Next(t.Context(), asked, 0); err == nil {
			t.Errorf("%s: got %+v, want an error", name, s)
		} else if len(err.Error()) > 1<<10 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
	for end := range len(good) {
		if s, err := lineBy(t, raw(good[:end])).Next(t.Context(), asked, 0); err == nil {
			t.Errorf("cut off after %q: got %+v, want an error", good[:end], s)
		}
	}
	for name, says := range map[string]string{
		"good":            good,
		"more than asked": good + good,
		"new lines alone": strings.ReplaceAll(good, "\r", ""),
		"until the end":   strings.ReplaceAll(good, "Content-Length: 2\r\n", ""),
	} {
		talk := lineBy(t, raw(says))
		for range 2 {
			if s, err := talk.Next(t.Context(), asked, 0); err != nil || s.Index != 7 {
				t.Errorf("%s: got %+v, error %v", name, s, err)
			}
		}
	}
}

// TestALineTakesItsTime, and no more: it ends with the context at once, and by
// itself when the registry says nothing, or too slowly.
func TestALineTakesItsTime(t *testing.T) {
	slowly := func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go func() { // ends when the other side closes
			defer there.Close()
			_, _ = http.ReadRequest(bufio.NewReader(there))
			for _, err := io.WriteString(there, "HTTP/1.1 200 OK\r\n"); err == nil; _, err = io.WriteString(there, "X: y\r\n") {
				time.Sleep(time.Second)
			}
		}()
		return here, nil
	}
	deaf := func(context.Context) (net.Conn, error) {
		here, _ := net.Pipe()
		return here, nil
	}
	for name, dial := range map[string]func(context.Context) (net.Conn, error){"slow": slowly, "deaf": deaf} {
		for after, limit := range map[uint64]time.Duration{0: 15 * time.Second, 1: 32 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				talk := lineBy(t, dial)
				began := time.Now()
				if _, err := talk.Next(t.Context(), asked, after); err == nil || errors.Is(err, context.DeadlineExceeded) || time.Since(began) != limit {
					t.Errorf("%s: gave up after %s with error %v, want after %s", name, time.Since(began), err, limit)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began = time.Now()
				if _, err := talk.Next(ctx, asked, after); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
					t.Errorf("%s: got error %v after %s, want the context's after a second", name, err, time.Since(began))
				}
				time.Sleep(2 * time.Second) // until the registry noticed
			})
		}
	}
}

// TestALineThatLeadsElsewhere is followed, as net/http does.
func TestALineThatLeadsElsewhere(t *testing.T) {
	_, talk, _ := connections(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/there/") {
			http.Redirect(w, r, "/there"+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("X-Consul-Index", "7")
		_, _ = io.WriteString(w, "[]")
	})
	for range 2 {
		if s, err := talk.Next(t.Context(), asked, 0); err != nil || s.Index != 7 {
			t.Errorf("got %+v, error %v", s, err)
		}
	}
}

// TestWhoGetsALine: only a registry whose transport asks for nothing that a line
// does not know.
func TestWhoGetsALine(t *testing.T) {
	for name, test := range map[string]struct {
		at   api.Config
		want bool
	}{
		"plain":            {api.Config{Address: "127.0.0.1:8500"}, true},
		"a socket":         {api.Config{Address: "unix:///run/consul"}, true},
		"a transport":      {api.Config{Address: "127.0.0.1:8500", Transport: &http.Transport{}}, true},
		"TLS":              {api.Config{Address: "https://127.0.0.1:8501"}, false},
		"their own client": {api.Config{Address: "127.0.0.1:8500", HttpClient: &http.Client{Transport: &http.Transport{}}}, false},
		"a proxy": {api.Config{Address: "127.0.0.1:8500", Transport: &http.Transport{
			Proxy: func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "proxy"}, nil },
		}}, false},
		"a limit": {api.Config{Address: "127.0.0.1:8500", Transport: &http.Transport{MaxConnsPerHost: 1}}, false},
	} {
		registry, err := New(&test.at, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if got := registry.line != nil; got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

// FuzzLine: whatever a registry says, a line and net/http hear the same.
func FuzzLine(f *testing.F) {
	for _, says := range []string{
		"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "HTTP/1.0 200 OK\r\n\r\n[]", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n[]", "HTTP/1.1 200 OK\nA: b\n c\n\nx",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + string(zip([]byte("[]"))), "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200\r\nConnection: close\r\n\r\n",
	} {
		f.Add(says)
	}
	f.Fuzz(func(t *testing.T, says string) {
		if len(says) > 4<<10 {
			t.Skip("a limit would be met")
		}
		hear := func(by exchanger) (string, error) {
			defer by.close()
			response, _, err := by.do(t.Context(), func(ctx context.Context) (*http.Request, error) {
				return http.NewRequestWithContext(ctx, http.MethodGet, "http://registry/", nil)
			})
			if err != nil {
				return "", err
			}
			defer response.Body.Close()
			if response.StatusCode/100 == 3 || response.StatusCode == http.StatusSwitchingProtocols {
				t.Skip("what leads elsewhere is another's")
			}
			text, err := io.ReadAll(response.Body)
			response.Header.Del("Content-Encoding") // net/http does when it decodes
			response.Header.Del("Content-Length")
			return fmt.Sprint(response.StatusCode, response.Header, string(text)), err
		}
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return raw(says)(ctx) }}
		defer transport.CloseIdleConnections()
		theirs := shared{&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
		want, wantErr := hear(theirs)
		got, err := hear(&line{dial: raw(says), zipped: true, other: theirs})
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("got %q, %v; want %q, %v", got, err, want, wantErr)
		}
	})
}
