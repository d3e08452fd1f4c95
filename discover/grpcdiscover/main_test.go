package grpcdiscover_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/grpcdiscover"
)

func TestMain(m *testing.M) {
	grpcdiscover.Register()
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come. It is never waited for
// where all is well.
const patience = time.Minute

// world is a registry that a test drives by hand, and a cache over it.
type world struct {
	*discovertest.Hand
	cache *discover.Cache
}

func newWorld(t testing.TB) *world {
	w := &world{Hand: discovertest.NewHand()}
	w.cache = discover.NewCache(w.Hand, discover.CacheConfig{
		Guard: func(discover.Query) discover.Guard { return discover.Guard{Hold: -1} }, // all may leave at once here
	})
	t.Cleanup(func() { _ = w.cache.Close() })
	return w
}

// dial returns a connection, with the options of DialOptions and more.
func (w *world) dial(t testing.TB, target string, cfg grpcdiscover.Config, more ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	return dial(t, target, append(grpcdiscover.DialOptions(w.cache, cfg), more...)...)
}

func dial(t testing.TB, target string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// server is a real server of gRPC on loopback, with the health service.
type server struct {
	id     string
	addr   *net.TCPAddr
	grpc   *grpc.Server
	health *health.Server

	calls  atomic.Int64 // of Check
	conns  atomic.Int64 // accepted
	answer func(ctx context.Context) error
}

// listen counts what it accepts.
type listen struct {
	net.Listener
	s *server
}

func (l listen) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.s.conns.Add(1)
	}
	return c, err
}

// serve starts a server, which ends with the test.
func serve(t testing.TB, id string, options ...grpc.ServerOption) *server {
	t.Helper()
	return serveAt(t, id, "127.0.0.1:0", nil, options...)
}

func serveAt(t testing.TB, id, address string, answer func(context.Context) error, options ...grpc.ServerOption) *server {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{id: id, addr: listener.Addr().(*net.TCPAddr), health: health.NewServer(), answer: answer}
	s.grpc = grpc.NewServer(append(options, grpc.ChainUnaryInterceptor(s.count))...)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	done := make(chan struct{})
	go func() { // ends with Stop, awaited in the cleanup
		defer close(done)
		_ = s.grpc.Serve(listen{listener, s})
	}()
	t.Cleanup(func() {
		s.grpc.Stop()
		<-done
	})
	return s
}

func (s *server) count(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	s.calls.Add(1)
	if s.answer != nil {
		if err := s.answer(ctx); err != nil {
			return nil, err
		}
	}
	// Not before: gRPC does not send again what was answered with a header.
	_ = grpc.SetHeader(ctx, metadata.Pairs("served-by", s.id))
	return handle(ctx, request)
}

// instance returns what a registry says of the server.
func (s *server) instance(weight int) discover.Instance {
	return discover.Instance{ // without any weight it would have one of 1
		ID: s.id, Node: "node", Address: s.addr.IP.String(), Port: s.addr.Port,
		Weights: discover.Weights{Passing: weight, Warning: max(weight, 1)},
	}
}

func instances(servers ...*server) []discover.Instance {
	var all []discover.Instance
	for _, s := range servers {
		all = append(all, s.instance(1))
	}
	return all
}

// call calls once and returns the id of who answered.
func call(ctx context.Context, conn *grpc.ClientConn, options ...grpc.CallOption) (string, error) {
	var header metadata.MD
	_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}, append(options, grpc.Header(&header))...)
	if err != nil {
		return "", err
	}
	return strings.Join(header.Get("served-by"), ""), nil
}

// answerer calls and fails the test if nobody answers.
func answerer(t *testing.T, ctx context.Context, conn *grpc.ClientConn, options ...grpc.CallOption) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, err := call(ctx, conn, append(options, grpc.WaitForReady(true))...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// until calls until a call says what is wanted; each call is one step of the
// world, so that nothing is waited for by the clock.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// all calls until each of the servers has answered, and nobody else does.
func all(t *testing.T, conn *grpc.ClientConn, servers ...*server) {
	t.Helper()
	until(t, fmt.Sprintf("exactly %d servers answer", len(servers)), func() bool {
		seen := map[string]bool{}
		for range 20 * len(servers) {
			seen[answerer(t, t.Context(), conn)] = true
		}
		for _, s := range servers {
			if !seen[s.id] {
				return false
			}
		}
		return len(seen) == len(servers)
	})
}

// failure calls without waiting for ready, once a connection has failed, and
// returns the error of the call.
func failure(t *testing.T, conn *grpc.ClientConn) *status.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id, err := call(ctx, conn)
	if err == nil {
		t.Fatalf("%s answered, want an error", id)
	}
	return status.Convert(err)
}

// awaitFailure calls until a call fails, and returns its error.
func awaitFailure(t *testing.T, conn *grpc.ClientConn) *status.Status {
	t.Helper()
	var got *status.Status
	until(t, "a call fails", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := call(ctx, conn)
		got = status.Convert(err)
		return err != nil
	})
	return got
}

func wantStatus(t *testing.T, got *status.Status, code codes.Code, words ...string) {
	t.Helper()
	if got.Code() != code {
		t.Errorf("got status %s: %s, want %s", got.Code(), got.Message(), code)
	}
	for _, word := range words {
		if !strings.Contains(got.Message(), word) {
			t.Errorf("got %q, want it to say %q", got.Message(), word)
		}
	}
}

// awaitState waits until a connection is in a state.
func awaitState(t *testing.T, conn *grpc.ClientConn, want connectivity.State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn.Connect()
	for state := conn.GetState(); state != want; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			t.Fatalf("the connection is %s, want %s", state, want)
		}
	}
}

// patient has gRPC wait for an hour after a failure.
func patient() grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: time.Hour, Multiplier: 1, MaxDelay: time.Hour},
		MinConnectTimeout: patience,
	})
}

// fixedResolver is a resolver of others: a list of addresses.
type fixedResolver []string

func (fixedResolver) Scheme() string                        { return "fixed" }
func (fixedResolver) ResolveNow(resolver.ResolveNowOptions) {}
func (fixedResolver) Close()                                {}
func (f fixedResolver) Build(_ resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	var state resolver.State
	for _, address := range f {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	return f, cc.UpdateState(state)
}

// states passes on what a resolver says.
type states struct {
	resolver.ClientConn
	seen chan resolver.State
}

func (s *states) UpdateState(state resolver.State) error {
	s.seen <- state
	return nil
}

func targetOf(text string) (resolver.Target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return resolver.Target{}, err
	}
	return resolver.Target{URL: *u}, nil
}
