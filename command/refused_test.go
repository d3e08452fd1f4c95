package command

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestARefusalIsFinal: a registry that demands a token which is not there is
// asked once to take back a registration that may have arrived, and not until
// patience ends; what it refused at first is not taken back at all.
func TestARefusalIsFinal(t *testing.T) {
	for name, test := range map[string]struct {
		arrives bool
		want    int32
	}{"refused at first": {false, 0}, "may have arrived": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			ctx, signal := context.WithCancel(t.Context())
			defer signal()
			var withdrawn atomic.Int32
			registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch path := r.URL.Path; {
				case path == "/v1/status/leader":
					_, _ = w.Write([]byte(`"127.0.0.1:8300"`)) // a client that is gone reads nothing
					return
				case test.arrives && strings.HasPrefix(path, "/v1/agent/health/service/id/"):
					http.Error(w, "unknown service", http.StatusNotFound)
					return
				case test.arrives && path == "/v1/agent/service/register":
					http.Error(w, "No cluster leader", http.StatusInternalServerError) // which is asked again
					signal()
					return
				case strings.HasPrefix(path, "/v1/agent/service/deregister/"):
					withdrawn.Add(1)
				}
				http.Error(w, "Permission denied", http.StatusForbidden)
			}))
			defer registry.Close()
			err := serve(ctx, settings(strings.TrimPrefix(registry.URL, "http://")), io.Discard, silence)
			if err == nil || !strings.Contains(err.Error(), "Permission denied") {
				t.Errorf("got %v, want the refusal", err)
			}
			if got := withdrawn.Load(); got != test.want {
				t.Errorf("asked %d times to take it back, want %d", got, test.want)
			}
		})
	}
}
