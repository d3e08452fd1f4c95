package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/config"
)

var silence = slog.New(slog.DiscardHandler)

// clientOf returns a client of whatever listens at address. Its connections
// are gone when the test ends.
func clientOf(t *testing.T, address string) *api.Client {
	t.Helper()
	cfg := config.Registry{Address: address}.Client()
	client, err := api.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cfg.HttpClient.CloseIdleConnections)
	return client
}

// answering returns the address of a server that gives one answer to all.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// closedPort returns an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// chatty returns the address of a server that speaks something else.
func chatty(t *testing.T) string { return speaking(t, "220 mail.example ESMTP\r\n") }

func speaking(t *testing.T, greeting string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends when the listener closes; the cleanup waits
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096)) // or the connection is reset by what nobody read, and nobody is greeted
			fmt.Fprint(conn, greeting)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

// mute returns the address of a server that hangs up.
func mute(t *testing.T) string { return speaking(t, "") }

func TestProbe(t *testing.T) {
	tests := []struct {
		name    string
		address string
		want    presence
		says    string
	}{
		{"a registry", answering(t, 200, `"127.0.0.1:8300"`), ready, ""},
		{"electing", answering(t, 200, `""`), unready, "no leader"},
		{"no leader", answering(t, 500, "No cluster leader"), unready, "No cluster leader"},
		{"busy", answering(t, 429, "Your IP is issuing too many concurrent connections"), unready, "429"},
		{"a web page", answering(t, 200, "<html>"), foreign, "invalid character"},
		{"another API", answering(t, 200, `{"leader":"x"}`), foreign, "cannot unmarshal"},
		{"no such path", answering(t, 404, "<html>\n<p>a long page"), foreign, "it answers 404: <html>"},
		{"forbidden", answering(t, 403, "go away"), foreign, "403"},
		{"another protocol", chatty(t), foreign, ""},
		{"nothing", closedPort(t), absent, "refused"},
		{"what hangs up", mute(t), unready, ""},
		{"no such name", "nobody.invalid:8500", absent, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := probe(t.Context(), clientOf(t, test.address))
			if got != test.want {
				t.Errorf("got %d, want %d (%v)", got, test.want, err)
			}
			if (err == nil) != (test.want == ready) {
				t.Errorf("error: got %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("got %q, want one line that says %q", err, test.says)
			}
		})
	}
}

func TestProbeOfASilentListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := probe(ctx, clientOf(t, listener.Addr().String())); got != unready || err == nil {
		t.Errorf("got %d, %v, want it to count as unready", got, err)
	}
}

// TestAwaitOutlastsAnElection: who waits is told why, once.
func TestAwaitOutlastsAnElection(t *testing.T) {
	var asked, told atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
		case 2:
			http.Error(w, "no such path", http.StatusNotFound) // what stands before it does not know it yet
		default:
			fmt.Fprint(w, `"127.0.0.1:8300"`)
		}
	}))
	defer server.Close()
	err := awaiting(t, server.Listener.Addr().String()).await(t.Context(), func(why error) {
		told.Add(1)
		if !strings.Contains(why.Error(), "No cluster leader") {
			t.Errorf("told %v, want the registry's own words", why)
		}
	})
	if err != nil || asked.Load() != 3 || told.Load() != 1 {
		t.Errorf("got %v after %d questions, told %d times, want it ready after 3, told once", err, asked.Load(), told.Load())
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := awaiting(t, closedPort(t)).await(ctx, func(error) { cancel() })
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want it to end and say what it waited for", err)
	}
}

func TestAStrangerIsNotWaitedFor(t *testing.T) {
	address := answering(t, 404, "not found")
	err := awaiting(t, address).await(t.Context(), func(error) { t.Error("it waits") })
	for _, part := range []string{"is no Consul registry", address, "404", "-consul.port"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want it to say %q", err, part)
		}
	}
}

// awaiting is a registry that may be at address.
func awaiting(t *testing.T, address string) *registry {
	t.Helper()
	return joined(config.Registry{Address: address, Named: true}, clientOf(t, address))
}

// TestWhichRegistry is the rule for which registry answers.
func TestWhichRegistry(t *testing.T) {
	nobody := closedPort(t)
	electing, stranger := answering(t, 200, `""`), answering(t, 404, "not found")
	tests := []struct {
		name    string
		cfg     config.Registry
		origin  string
		refused string
	}{
		{"nobody is at the default", config.Registry{Mode: config.Auto, Address: nobody}, "embedded in this process", ""},
		{"the default elects", config.Registry{Mode: config.Auto, Address: electing}, "found at the default address", ""},
		{"a stranger at the default", config.Registry{Mode: config.Auto, Address: stranger}, "", "is no Consul registry"},
		{"named, not there yet", config.Registry{Mode: config.Auto, Address: nobody, Named: true}, "named", ""},
		{"wanted, not there yet", config.Registry{Mode: config.Consul, Address: nobody}, "wanted at the default address", ""},
		{"embedded", config.Registry{Mode: config.Embedded, Address: "127.0.0.1:0"}, "embedded in this process", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := openRegistry(t.Context(), test.cfg, silence)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) || !strings.Contains(err.Error(), test.cfg.Address) {
					t.Errorf("got %v, want %q of %s", err, test.refused, test.cfg.Address)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			if r.origin != test.origin {
				t.Errorf("got one %s, want %s", r.origin, test.origin)
			}
		})
	}
}
