package command

import (
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestSilentConnectionDoesNotHoldUpTheEnd: a client that connected and asks
// nothing costs a second, not the five that http.Server gives it.
func TestSilentConnectionDoesNotHoldUpTheEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	silent, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	// Another request is answered only after the silent one was taken.
	response, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()

	began := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("shut down: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("stopped after %s, want about %s", took, silentLimit)
	}
}
