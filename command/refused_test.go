package command

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestARefusalIsFinal: a registry that demands a token which is not there is
// asked once to take the registration back, and not until patience ends.
func TestARefusalIsFinal(t *testing.T) {
	var withdrawn atomic.Int32
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/status/leader" {
			_, _ = w.Write([]byte(`"127.0.0.1:8300"`)) // a client that is gone reads nothing
			return
		}
		if strings.HasPrefix(r.URL.Path, "/v1/agent/service/deregister/") {
			withdrawn.Add(1)
		}
		http.Error(w, "Permission denied", http.StatusForbidden)
	}))
	defer registry.Close()
	_, err := start(t.Context(), settings(strings.TrimPrefix(registry.URL, "http://")), silence)
	if err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("got %v, want the refusal", err)
	}
	if got := withdrawn.Load(); got != 1 {
		t.Errorf("asked %d times to take it back, want once", got)
	}
}
