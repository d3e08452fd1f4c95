package check

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	health1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/realjf/muster/agent/state"
)

// serveGRPC runs a server of gRPC's own until the test ends.
func serveGRPC(t *testing.T, register func(*grpc.Server), options ...grpc.ServerOption) (address string) {
	t.Helper()
	listener := listen(t)
	server := grpc.NewServer(options...)
	register(server)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends with Stop
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return listener.Addr().String()
}

// certificate returns one for example.com and 127.0.0.1 that nobody vouches
// for.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return server.TLS.Certificates[0]
}

func TestGRPCProbe(t *testing.T) {
	service := health.NewServer()
	for name, status := range map[string]health1.HealthCheckResponse_ServingStatus{
		"up": health1.HealthCheckResponse_SERVING, "down": health1.HealthCheckResponse_NOT_SERVING, "odd": health1.HealthCheckResponse_UNKNOWN,
	} {
		service.SetServingStatus(name, status)
	}
	register := func(s *grpc.Server) { health1.RegisterHealthServer(s, service) }
	plain := serveGRPC(t, register)
	pair := certificate(t)
	secure := serveGRPC(t, register, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	bare := serveGRPC(t, func(*grpc.Server) {})
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusNotFound) }))
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()

	for _, tc := range []struct {
		name       string
		definition Definition
		want       state.Status
		output     string // with ADDRESS for the target; with ~ before it a part
	}{
		{"the server", Definition{GRPC: plain}, state.Passing, "gRPC check ADDRESS: success"},
		{"a service", Definition{GRPC: plain + "/up"}, state.Passing, "gRPC check ADDRESS/up: success"},
		{"a service that is down", Definition{GRPC: plain + "/down"}, state.Critical, "gRPC ADDRESS/down serving status: NOT_SERVING"},
		{"a service that nobody knows about", Definition{GRPC: plain + "/odd"}, state.Critical, "gRPC ADDRESS/odd serving status: UNKNOWN"},
		{"no such service", Definition{GRPC: plain + "/none"}, state.Critical, "rpc error: code = NotFound desc = unknown service"},
		{"no health service", Definition{GRPC: bare}, state.Critical, "rpc error: code = Unimplemented desc = unknown service grpc.health.v1.Health"},
		{"TLS", Definition{GRPC: secure, GRPCUseTLS: true, TLSSkipVerify: true}, state.Passing, "gRPC check ADDRESS: success"},
		{"TLS that nobody vouches for", Definition{GRPC: secure, GRPCUseTLS: true}, state.Critical, "~x509"},
		{"TLS where none is", Definition{GRPC: plain, GRPCUseTLS: true}, state.Critical, "~authentication handshake failed"},
		{"no TLS where some is", Definition{GRPC: secure}, state.Critical, "~code = Unavailable"},
		{"a web server", Definition{GRPC: web.Listener.Addr().String(), GRPCUseTLS: true, TLSSkipVerify: true}, state.Critical,
			`rpc error: code = Unimplemented desc = unexpected HTTP status code received from server: 404 (Not Found); transport: received unexpected content-type "text/plain; charset=utf-8"`},
	} {
		got := tc.definition.probe(t.Context())
		address, _, _ := strings.Cut(tc.definition.GRPC, "/")
		want, isPart := strings.CutPrefix(strings.ReplaceAll(tc.output, "ADDRESS", address), "~")
		if got.Status != tc.want || isPart && !strings.Contains(got.Output, want) || !isPart && got.Output != want {
			t.Errorf("%s: got %+v, want %s and %q", tc.name, got, tc.want, want)
		}
	}
}

// TestServerNameAndTrust: the name that is expected is the one that is sent
// and verified, by every kind that speaks TLS.
func TestServerNameAndTrust(t *testing.T) {
	pair := certificate(t)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	var mu sync.Mutex
	var asked string
	config := &tls.Config{
		NextProtos: []string{"h2"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = hello.ServerName
			return &pair, nil
		},
	}
	address := serveGRPC(t, func(s *grpc.Server) { health1.RegisterHealthServer(s, health.NewServer()) }, grpc.Creds(credentials.NewTLS(config)))
	for _, d := range []Definition{
		{GRPC: address, GRPCUseTLS: true},
		{H2PING: address, H2PingUseTLS: true},
		{TCP: address, TCPUseTLS: true},
		{HTTP: "https://" + address},
	} {
		d.TLSServerName = "web.example"
		if got := d.probe(t.Context()); got.Status != state.Critical || !strings.Contains(got.Output, "x509: ") {
			t.Errorf("%s: got %+v, want that nobody vouches for it", d.Kind(), got)
		}
		if mu.Lock(); asked != d.TLSServerName {
			t.Errorf("%s: asked for %q, want %q", d.Kind(), asked, d.TLSServerName)
		}
		mu.Unlock()
		d.TLSSkipVerify = true
		got := d.probe(t.Context())
		if strings.Contains(got.Output, "x509: ") {
			t.Errorf("%s: got %+v although it need not be verified", d.Kind(), got)
		}
		if d.HTTP == "" && got.Status != state.Passing { // what the web asks for, gRPC refuses
			t.Errorf("%s: got %+v, want passing", d.Kind(), got)
		}
	}
}

func FuzzHealthResponse(f *testing.F) {
	for status := range health1.HealthCheckResponse_ServingStatus_name {
		message, err := proto.Marshal(&health1.HealthCheckResponse{Status: health1.HealthCheckResponse_ServingStatus(status)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Add([]byte{0x08})
	f.Add([]byte{0x08, 0x01, 0x12, 0x01, 'x', 0x08, 0x02})
	f.Add([]byte{0x0b, 0x0c})
	f.Fuzz(func(t *testing.T, message []byte) {
		framed := append([]byte{0, 0, 0, byte(len(message) >> 8), byte(len(message))}, message...)
		if len(message) > 1<<16-1 {
			return
		}
		got, err := healthResponse(framed)
		var want health1.HealthCheckResponse
		if wrong := proto.Unmarshal(message, &want); (wrong != nil) != (err != nil) {
			t.Fatalf("got error %v, want %v", err, wrong)
		}
		if err == nil && int32(got) != int32(want.Status) {
			t.Errorf("got %s, want %s", got, want.Status)
		}
		if len(message) > 0 {
			if _, err := healthResponse(framed[:len(framed)-1]); err == nil {
				t.Error("took an answer that is cut short")
			}
		}
	})
}
