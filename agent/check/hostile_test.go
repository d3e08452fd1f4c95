package check

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/realjf/muster/agent/state"
)

// endless is a target that gives no answer in any time.
type endless struct {
	name  string
	start func(t *testing.T, touched func()) Definition
	want  state.Status
	part  string // of the output, when it is cut off
}

// mute hears what it is told and says nothing.
func mute(touched func()) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return
		}
		touched()
		_, _ = io.Copy(io.Discard, conn)
	}
}

// drip says what it has to say and then one byte after the other.
func drip(said string, touched func()) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, said)
		for {
			touched()
			if _, err := io.WriteString(conn, "."); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// silent is a server of HTTP/2 that says its settings and answers nothing. It
// is with is.
func silent(touched func(), is func(*http2.Framer)) func(net.Conn) {
	return func(conn net.Conn) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(conn, preface); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings()
		_ = framer.WriteSettingsAck()
		touched()
		is(framer)
		_, _ = io.Copy(io.Discard, conn)
	}
}

func nothing(*http2.Framer) {}

var endlessTargets = []endless{
	{"HTTP that never answers", func(t *testing.T, touched func()) Definition {
		return Definition{HTTP: "http://" + target(t, mute(touched))}
	}, state.Critical, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"},
	{"HTTP that drips its head", func(t *testing.T, touched func()) Definition {
		return Definition{HTTP: "http://" + target(t, drip("HTTP/1.1 200 OK\r\nX-Long: ", touched))}
	}, state.Critical, "context deadline exceeded"},
	{"HTTP that drips its body", func(t *testing.T, touched func()) Definition {
		return Definition{HTTP: "http://" + target(t, drip("HTTP/1.1 503 Busy\r\n\r\n", touched))}
	}, state.Critical, ""},
	{"HTTPS that never greets", func(t *testing.T, touched func()) Definition {
		return Definition{HTTP: "https://" + target(t, mute(touched))}
	}, state.Critical, "context deadline exceeded"},
	{"TLS that never greets", func(t *testing.T, touched func()) Definition {
		return Definition{TCP: target(t, mute(touched)), TCPUseTLS: true}
	}, state.Critical, "context deadline exceeded"},
	{"UDP that is silent", func(t *testing.T, touched func()) Definition {
		return Definition{UDP: hole(t, touched)}
	}, state.Passing, "UDP connect"},
	{"gRPC that never greets", func(t *testing.T, touched func()) Definition {
		return Definition{GRPC: target(t, mute(touched))}
	}, state.Critical, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"},
	{"gRPC that hangs", func(t *testing.T, touched func()) Definition {
		return Definition{GRPC: target(t, silent(touched, nothing))}
	}, state.Critical, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"},
	{"gRPC over TLS that never greets", func(t *testing.T, touched func()) Definition {
		return Definition{GRPC: target(t, mute(touched)), GRPCUseTLS: true}
	}, state.Critical, "rpc error: code = DeadlineExceeded"},
	{"HTTP/2 that says nothing", func(t *testing.T, touched func()) Definition {
		return Definition{H2PING: target(t, mute(touched))}
	}, state.Critical, "HTTP2 ping failed: context deadline exceeded"},
	{"HTTP/2 that never acknowledges", func(t *testing.T, touched func()) Definition {
		return Definition{H2PING: target(t, silent(touched, nothing))}
	}, state.Critical, "HTTP2 ping failed: context deadline exceeded"},
	{"HTTP/2 over TLS that never greets", func(t *testing.T, touched func()) Definition {
		return Definition{H2PING: target(t, mute(touched)), H2PingUseTLS: true}
	}, state.Critical, "Failed to dial to 127.0.0.1:"},
	{"a script that hangs", func(t *testing.T, touched func()) Definition {
		return script(time.Hour, "hang", target(t, mute(touched)))
	}, state.Critical, "Timed out (1h0m0s) running check"},
}

// hole is a UDP port that takes datagrams and answers none.
func hole(t *testing.T, touched func()) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { // ends with the port; awaited by the cleanup
		for {
			if _, _, err := conn.ReadFrom(make([]byte, 1)); err != nil {
				return
			}
			touched()
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		reading.Wait()
	})
	return conn.LocalAddr().String()
}

// probe looks once at what d says, within ctx.
func (d Definition) probe(ctx context.Context) Result {
	if d.OutputMaxSize == 0 {
		d.OutputMaxSize = DefaultOutputSize
	}
	return d.kind().prober(NewRunner(nil), d).probe(ctx)
}

func TestEndlessTargetIsCutOff(t *testing.T) {
	for _, tc := range endlessTargets {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			touched := make(chan struct{})
			definition := tc.start(t, sync.OnceFunc(func() { close(touched) }))
			ctx := newDeadline(t)
			result := make(chan Result)
			go func() { result <- definition.probe(ctx) }() // ends with ctx; awaited below
			<-touched
			select {
			case early := <-result:
				t.Fatalf("got %+v before the time was up", early)
			default:
			}
			ctx.pass()
			if got := <-result; got.Status != tc.want || !strings.Contains(got.Output, tc.part) {
				t.Errorf("got %+v, want %s and %q", got, tc.want, tc.part)
			}
		})
	}
}

func TestEndlessTargetsDelayNobody(t *testing.T) {
	runner := newRunning(t)
	var touched sync.WaitGroup
	for _, tc := range endlessTargets {
		touched.Add(1)
		definition := tc.start(t, sync.OnceFunc(touched.Done))
		definition.Interval, definition.Timeout = time.Second, time.Hour
		task := runner.Start(definition, func(r Report) { t.Errorf("%s: got %+v of a target that has not answered", tc.name, r) })
		t.Cleanup(task.Stop)
	}
	touched.Wait()
	well := make(chan Result)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	task := runner.Start(Definition{HTTP: server.URL, Interval: time.Second}, func(r Report) { well <- r.Result })
	for range 2 {
		<-well
	}
	task.Stop()
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestFloodsTakeNoMemory(t *testing.T) {
	const flood, bound = 1 << 30, 16 << 20
	block := bytes.Repeat([]byte("all work and no play "), 50_000)
	body := func(w io.Writer) {
		for sent := 0; sent < flood; sent += len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	pour := func(head string) string {
		return target(t, func(conn net.Conn) {
			_, _ = bufio.NewReader(conn).ReadByte()
			_, _ = io.WriteString(conn, head)
			body(conn)
			_ = conn.Close()
		})
	}
	frames := target(t, silent(func() {}, func(f *http2.Framer) {
		for f.WritePing(false, [8]byte{}) == nil {
		}
	}))
	for _, tc := range []struct {
		name       string
		definition Definition
		want       state.Status
		output     func(string) bool
	}{
		{"a body", Definition{HTTP: "http://" + pour(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", flood))},
			state.Passing, func(s string) bool { return len(s) < DefaultOutputSize+200 }},
		{"a head", Definition{HTTP: "http://" + pour("HTTP/1.1 200 OK\r\nX-Long: ")},
			state.Critical, func(s string) bool { return strings.Contains(s, "headers exceeded") }},
		{"nonsense for HTTP/2", Definition{H2PING: pour("")},
			state.Critical, func(s string) bool { return strings.HasPrefix(s, "HTTP2 ping failed: ") }},
		{"frames for HTTP/2", Definition{H2PING: frames},
			state.Critical, func(s string) bool { return strings.Contains(s, "no acknowledgement") }},
		{"nonsense for gRPC", Definition{GRPC: pour("")},
			state.Critical, func(s string) bool { return strings.HasPrefix(s, "rpc error: code = Unavailable") }},
		{"a connection", Definition{TCP: pour("")},
			state.Passing, func(string) bool { return true }},
		{"a script", script(time.Hour, "flood", fmt.Sprint(flood)),
			state.Passing, func(s string) bool {
				return strings.HasPrefix(s, "Captured 4096 of ") && strings.HasSuffix(s, "the end")
			}},
	} {
		var got Result
		took := allocated(func() { got = tc.definition.probe(t.Context()) })
		if got.Status != tc.want || !tc.output(got.Output) {
			t.Errorf("%s: got %s, %.300q", tc.name, got.Status, got.Output)
		}
		if took > bound {
			t.Errorf("%s: took %d bytes of memory, want %d at most", tc.name, took, bound)
		}
	}
}

func TestWrongTargets(t *testing.T) {
	circle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}))
	defer circle.Close()
	plain := target(t, func(conn net.Conn) {
		_, _ = bufio.NewReader(conn).ReadByte()
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	})
	rude := target(t, func(conn net.Conn) { _ = conn.Close() })
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobodyUDP := closed.LocalAddr().String()
	_ = closed.Close()
	for _, tc := range []struct {
		name       string
		definition Definition
		part       string
	}{
		{"a redirect to itself", Definition{HTTP: circle.URL + "/"}, "stopped after 10 redirects"},
		{"HTTP that hangs up", Definition{HTTP: "http://" + rude}, rude},
		{"HTTPS that is none", Definition{HTTP: "https://" + plain}, "http: server gave HTTP response to HTTPS client"},
		{"TLS that is none", Definition{TCP: plain, TCPUseTLS: true}, "tls: first record does not look like a TLS handshake"},
		{"UDP where nobody is", Definition{UDP: nobodyUDP}, "connection refused"},
		{"UDP without a port", Definition{UDP: "127.0.0.1"}, "missing port in address"},
		{"gRPC where nobody is", Definition{GRPC: nobody(t)},
			`rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:`},
		{"gRPC that hangs up", Definition{GRPC: rude}, "rpc error: code = Unavailable desc = connection error: desc = \"error reading server preface: "},
		{"gRPC that is HTTP/1.1", Definition{GRPC: plain}, "rpc error: code = Unavailable desc = connection error: desc = \"error reading server preface: "},
		{"gRPC over TLS that is none", Definition{GRPC: plain, GRPCUseTLS: true},
			"transport: authentication handshake failed: tls: first record does not look like a TLS handshake"},
		{"gRPC without a port", Definition{GRPC: "127.0.0.1/x"}, "missing port in address"},
		{"HTTP/2 where nobody is", Definition{H2PING: nobody(t)}, "Failed to dial to 127.0.0.1:"},
		{"HTTP/2 that hangs up", Definition{H2PING: rude}, "HTTP2 ping failed: "},
		{"HTTP/2 that is HTTP/1.1", Definition{H2PING: plain}, "HTTP2 ping failed: http2: "},
		{"HTTP/2 over TLS that is none", Definition{H2PING: plain, H2PingUseTLS: true}, "tls: first record does not look like a TLS handshake"},
	} {
		if got := tc.definition.probe(t.Context()); got.Status != state.Critical || !strings.Contains(got.Output, tc.part) {
			t.Errorf("%s: got %+v, want critical and %q", tc.name, got, tc.part)
		}
	}
}
