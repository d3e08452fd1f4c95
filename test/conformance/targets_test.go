package conformance

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	health1 "google.golang.org/grpc/health/grpc_health_v1"
)

// targets are what the checks of a list may look at, by the name that stands
// for its address there. Each is gone when the test ends.
var targets = map[string]func(*testing.T) string{
	"web":      func(t *testing.T) string { return startWeb(t, (*httptest.Server).Start) },
	"webtls":   func(t *testing.T) string { return startWeb(t, (*httptest.Server).StartTLS) },
	"grpc":     func(t *testing.T) string { return startGRPC(t) },
	"grpctls":  startGRPCTLS,
	"mute":     func(t *testing.T) string { return startConns(t, mute) },
	"nonsense": func(t *testing.T) string { return startConns(t, talkNonsense) },
	"closed":   nobody,
	"udp":      startUDP,
	"noudp":    nobodyUDP,
	"script":   func(*testing.T) string { return os.Args[0] },
}

// startTargets starts those that a list names, and returns their addresses.
func startTargets(t *testing.T, l list) map[string]string {
	t.Helper()
	text, err := os.ReadFile(l.requestsFile())
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]string{}
	for name, start := range targets {
		if strings.Contains(string(text), "{"+name+"}") {
			started[name] = start(t)
		}
	}
	return started
}

// TestMain lets the test's own binary be the script of a check: the first
// argument says so, the others how.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "as-script" {
		code, _ := strconv.Atoi(os.Args[2])
		beScript(code, os.Args[3])
	}
	os.Exit(m.Run())
}

// beScript says a text, as often as it has for each of its parts, and ends.
func beScript(code int, text string) {
	switch text {
	case "big":
		for n := range 1000 {
			fmt.Printf("line %d\n", n)
		}
	case "both":
		fmt.Print("out ")
		fmt.Fprint(os.Stderr, "err")
	case "hang":
		fmt.Print("before ")
		time.Sleep(time.Hour)
	case "die":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	default:
		fmt.Print(text)
	}
	os.Exit(code)
}

// startWeb serves HTTP: a path that is a number is answered with that status.
func startWeb(t *testing.T, start func(*httptest.Server)) string {
	t.Helper()
	hung := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s Host=%s User-Agent=%q Accept=%q X-One=%q Content-Type=%q Body=%q",
				r.Method, r.URL, unport(r.Host), r.Header["User-Agent"], r.Header["Accept"], r.Header["X-One"], r.Header["Content-Type"], body)
		case "/big":
			for n := range 1000 {
				fmt.Fprintf(w, "line %d\n", n)
			}
		case "/moved":
			http.Redirect(w, r, "/200", http.StatusFound)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		case "/hang":
			<-hung
		default:
			status, err := strconv.Atoi(r.URL.Path[1:])
			if err != nil {
				status = http.StatusNotFound
			}
			w.WriteHeader(status)
			fmt.Fprintf(w, "status %d", status)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	start(server)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hung) })
	return server.Listener.Addr().String()
}

// unport returns a host without a port of this machine's.
func unport(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// startGRPC serves the health of the services up and down.
func startGRPC(t *testing.T, options ...grpc.ServerOption) string {
	t.Helper()
	service := health.NewServer()
	service.SetServingStatus("up", health1.HealthCheckResponse_SERVING)
	service.SetServingStatus("down", health1.HealthCheckResponse_NOT_SERVING)
	service.SetServingStatus("odd", health1.HealthCheckResponse_UNKNOWN)
	server := grpc.NewServer(options...)
	health1.RegisterHealthServer(server, service)
	listener := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends with Stop
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return listener.Addr().String()
}

func startGRPCTLS(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return startGRPC(t, grpc.Creds(credentials.NewServerTLSFromCert(&server.TLS.Certificates[0])))
}

func mute(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func talkNonsense(conn net.Conn) {
	_, _ = conn.Read(make([]byte, 4096))
	_, _ = io.WriteString(conn, "what do you want of me?\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
}

// startConns serves each connection.
func startConns(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener := listen(t)
	var mu sync.Mutex
	var open []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			serving.Go(func() { // ends with the connection
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return listener.Addr().String()
}

// startUDP answers datagrams.
func startUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the port
		for {
			_, from, err := conn.ReadFrom(make([]byte, 1))
			if err != nil {
				return
			}
			_, _ = conn.WriteTo([]byte("pong"), from)
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return conn.LocalAddr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// nobody returns an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	_ = listener.Close()
	return listener.Addr().String()
}

func nobodyUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	return conn.LocalAddr().String()
}
