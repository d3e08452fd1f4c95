package command

import (
	"context"
	"errors"
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
func chatty(t *testing.T) string {
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
			fmt.Fprint(conn, "220 mail.example ESMTP\r\n")
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

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

func TestAwaitReadyOutlastsAnElection(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
		default:
			fmt.Fprint(w, `"127.0.0.1:8300"`)
		}
	}))
	defer server.Close()
	got, err := awaitReady(t.Context(), clientOf(t, server.Listener.Addr().String()), false, silence)
	if got != ready || err != nil || asked.Load() != 2 {
		t.Errorf("got %d, %v after %d questions, want it ready after 2", got, err, asked.Load())
	}
}

func TestAwaitReadyIsBounded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	got, err := awaitReady(ctx, clientOf(t, closedPort(t)), true, silence)
	if got != absent || err == nil {
		t.Errorf("got %d, %v, want it to give up", got, err)
	}
}

func TestAwaitReadyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	got, err := awaitReady(ctx, clientOf(t, answering(t, 200, `"127.0.0.1:8300"`)), false, silence)
	if got != unready || err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got %d, %v, want it to say that it was interrupted", got, err)
	}
}

func TestDecide(t *testing.T) {
	tests := []struct {
		mode  config.Mode
		named bool
		found presence
		want  plan
	}{
		{config.Auto, false, ready, join},
		{config.Auto, true, ready, join},
		{config.Auto, false, absent, embed},
		{config.Auto, true, absent, giveUp},
		{config.Auto, false, foreign, giveUp},
		{config.Auto, true, foreign, giveUp},
		{config.Auto, false, unready, giveUp},
		{config.Consul, false, ready, join},
		{config.Consul, false, absent, giveUp},
		{config.Consul, true, absent, giveUp},
		{config.Embedded, false, absent, embed},
		{config.Embedded, true, absent, embed},
	}
	for _, test := range tests {
		if got := decide(test.mode, test.named, test.found); got != test.want {
			t.Errorf("decide(%s, named %t, found %d): got %d, want %d", test.mode, test.named, test.found, got, test.want)
		}
	}
}

func TestUnusableRegistriesAreExplained(t *testing.T) {
	tests := []struct {
		name string
		cfg  config.Registry
		says []string
	}{
		{"named, absent", config.Registry{Mode: config.Auto, Address: closedPort(t), Named: true}, []string{"no registry answers at", "start a Consul"}},
		{"wanted, absent", config.Registry{Mode: config.Consul, Address: closedPort(t)}, []string{"no registry answers at", "leave out -registry consul"}},
		{"default, foreign", config.Registry{Mode: config.Auto, Address: answering(t, 404, "not found")}, []string{"is no Consul registry", "404", "-consul.port"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := openRegistry(t.Context(), test.cfg, silence)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, part := range append(test.says, test.cfg.Address) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
		})
	}
}
