package check

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

func TestTCPProbe(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	address := server.Listener.Addr().String()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name       string
		definition Definition
		status     state.Status
		output     string // a part of it
	}{
		{"somebody listens", Definition{TCP: address}, state.Passing, "TCP connect " + address + ": Success"},
		{"nobody listens", Definition{TCP: nobody}, state.Critical, "connection refused"},
		{"TLS", Definition{TCP: address, TCPUseTLS: true, TLSSkipVerify: true}, state.Passing, "TCP+TLS connect " + address + ": Success"},
		{"TLS that nobody vouches for", Definition{TCP: address, TCPUseTLS: true}, state.Critical, "x509"},
		{"no address", Definition{TCP: "nonsense"}, state.Critical, "missing port"},
	} {
		got := newTCP(nil, tc.definition).probe(t.Context())
		if got.Status != tc.status || !strings.Contains(got.Output, tc.output) {
			t.Errorf("%s: got %+v, want %s and %q", tc.name, got, tc.status, tc.output)
		}
	}
}
