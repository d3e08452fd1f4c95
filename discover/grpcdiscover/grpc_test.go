package grpcdiscover_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/status"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/grpcdiscover"
)

// TestBalancersOfGRPC has gRPC's own balancers choose among what the resolver
// finds.
func TestBalancersOfGRPC(t *testing.T) {
	for _, test := range []struct {
		config string
		used   int // how many instances are called
	}{
		{`{"loadBalancingConfig": [{"round_robin": {}}]}`, 3},
		{`{"loadBalancingConfig": [{"pick_first": {"shuffleAddressList": true}}]}`, 1},
		{`{}`, 1}, // gRPC's custom
	} {
		w := newWorld(t)
		servers := []*server{serve(t, "a"), serve(t, "b"), serve(t, "c")}
		drained := serve(t, "drained")
		w.Set("web", append(instances(servers...), drained.instance(0))...)
		conn := dial(t, "muster:///web", grpc.WithResolvers(grpcdiscover.NewResolver(w.cache, grpcdiscover.Config{})), grpc.WithDefaultServiceConfig(test.config))
		key := grpcdiscover.WithKey(t.Context(), "a")
		until(t, test.config+" is obeyed", func() bool {
			used := map[string]bool{}
			for range 40 {
				used[answerer(t, key, conn)] = true
			}
			return len(used) == test.used
		})
		if drained.conns.Load() > 0 {
			t.Errorf("%s: what has no weight was connected to", test.config)
		}
		// All leave, and it is not they who are called.
		w.Set("web")
		wantStatus(t, awaitFailure(t, conn), codes.Unavailable)
		w.Set("web", instances(servers[1])...)
		all(t, conn, servers[1])
	}
}

// TestBadTarget: gRPC tells errors of a target with the calls, which do not wait
// and are not taken for an outage.
func TestBadTarget(t *testing.T) {
	w := newWorld(t)
	wantStatus(t, failure(t, w.dial(t, "muster:///web?tags=a", grpcdiscover.Config{})), codes.Internal, `parameter "tags"`, "there are", "failover")
	wantStatus(t, failure(t, w.dial(t, "muster:///web?policy=best", grpcdiscover.Config{})), codes.Internal, `"best"`, "least_request")
	wantStatus(t, failure(t, w.dial(t, "muster:///web", grpcdiscover.Config{ServiceConfig: `{"loadBalancingConfig": [{"muster": {"policy": "best"}}]}`})), codes.Internal, `"best"`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := call(ctx, w.dial(t, "muster:///", grpcdiscover.Config{}), grpc.WaitForReady(true)); status.Code(err) != codes.Internal {
		t.Errorf("who waits for ready got error %v, want INTERNAL", err)
	}
}

// TestValidate: what calls would fail with is known before.
func TestValidate(t *testing.T) {
	for _, bad := range []struct{ target, serviceConfig, want string }{
		{"muster:///web?foo=bar", "", `parameter "foo": there are`},
		{"muster:///web?policy=bogus", "", "least_request"},
		{"muster:///", "", "service name: it is empty"},
		{"web", "", "want muster:///SERVICE"},
		{"dns:///web", "", "want muster:///SERVICE"},
		{"muster:///web\n", "", "control character"},
		{"muster:///web", "{", "service config"},
		{"muster:///web", `{"loadBalancingConfig": [{"muster": {"policy": "best"}}]}`, `"best"`},
		{"muster:///web", `{"methodConfig": [{"name": [{}], "timeout": "soon"}]}`, "soon"},
	} {
		if err := grpcdiscover.Validate(bad.target, grpcdiscover.Config{ServiceConfig: bad.serviceConfig}); !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%q with %q: got error %v, want an invalid one that says %s", bad.target, bad.serviceConfig, err, bad.want)
		}
	}
	for _, good := range []struct{ target, serviceConfig string }{
		{"muster:///web?tag=v2&zone=eu-1", ""},
		{"muster:web", `{"methodConfig": [{"name": [{}], "timeout": "2s"}]}`},
	} {
		if err := grpcdiscover.Validate(good.target, grpcdiscover.Config{ServiceConfig: good.serviceConfig}); err != nil {
			t.Errorf("%q: got error %v", good.target, err)
		}
	}
}

// TestTargetSaysWhich: tags, zone and policy of a target are obeyed.
func TestTargetSaysWhich(t *testing.T) {
	w := newWorld(t)
	a, b, c := serve(t, "a"), serve(t, "b"), serve(t, "c")
	all3 := instances(a, b, c)
	all3[0].Tags, all3[1].Tags = []string{"v2", "eu"}, []string{"v2"}
	all3[2].Meta = map[string]string{"zone": "eu-1"}
	w.Set("web", all3...)
	all(t, w.dial(t, "muster:///web?tag=v2", grpcdiscover.Config{}), a, b)
	all(t, w.dial(t, "muster:///web?tag=v2&tag=eu", grpcdiscover.Config{}), a)
	hashed := w.dial(t, "muster:///web?policy=consistent_hash", grpcdiscover.Config{})
	all(t, hashed, a, b, c)
	first := answerer(t, grpcdiscover.WithKey(t.Context(), "ann"), hashed)
	for range 20 {
		if got := answerer(t, grpcdiscover.WithKey(t.Context(), "ann"), hashed); got != first {
			t.Fatalf("a key went to %s and %s", first, got)
		}
	}
	// The zone has a third of the instances, and as many of the callers.
	for n := range all3[:2] {
		all3[n].Meta = map[string]string{"zone": fmt.Sprint("eu-", n+2)}
	}
	w.Set("web", all3...)
	all(t, w.dial(t, "muster:///web?zone=eu-1", grpcdiscover.Config{}), c)
}

// TestClientSideHealth: with a healthCheckConfig gRPC asks each instance itself
// whether it serves.
func TestClientSideHealth(t *testing.T) {
	w := newWorld(t)
	a, b := serve(t, "a"), serve(t, "b")
	for _, s := range []*server{a, b} {
		s.health.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	}
	w.Set("web", instances(a, b)...)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{ServiceConfig: `{"healthCheckConfig": {"serviceName": "shop"}}`})
	all(t, conn, a, b)
	a.health.SetServingStatus("shop", healthpb.HealthCheckResponse_NOT_SERVING)
	all(t, conn, b)
	b.health.SetServingStatus("shop", healthpb.HealthCheckResponse_NOT_SERVING)
	wantStatus(t, awaitFailure(t, conn), codes.Unavailable, "none of 2 instances can be reached")
	a.health.SetServingStatus("shop", healthpb.HealthCheckResponse_SERVING)
	all(t, conn, a)
}

func TestTLS(t *testing.T) {
	certificate, roots := certificateFor(t, "web", "a.example")
	w := newWorld(t)
	a := serve(t, "a", grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	w.Set("web", a.instance(1))
	w.Set("other", a.instance(1))
	trust := grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, ""))

	// The certificate must be for the service.
	all(t, w.dial(t, "muster:///web?tag=", grpcdiscover.Config{}, trust), a)
	wantStatus(t, failure(t, w.dial(t, "muster:///other", grpcdiscover.Config{}, trust)), codes.Unavailable, "certificate is valid for web, a.example, not other")
	// Unless it is said whom for.
	named := grpcdiscover.Config{ServerName: func(i discover.Instance) string { return i.ID + ".example" }}
	all(t, w.dial(t, "muster:///other", named, trust), a)
	all(t, w.dial(t, "muster:///other", grpcdiscover.Config{}, trust, grpc.WithAuthority("a.example")), a)
}

// certificateFor returns a certificate that signed itself, and who trusts it.
func certificateFor(t *testing.T, names ...string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestIdleConnection: gRPC ends the resolver and the balancer of a connection
// that nobody uses, and makes them anew.
func TestIdleConnection(t *testing.T) {
	w := newWorld(t)
	a := serve(t, "a")
	w.Set("web", a.instance(1))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{}, grpc.WithIdleTimeout(10*time.Millisecond))
	for range 3 {
		all(t, conn, a)
		until(t, "the connection is idle", func() bool { return conn.GetState().String() == "IDLE" })
	}
}

// TestCacheIsClosed: what the cache cannot do is said.
func TestCacheIsClosed(t *testing.T) {
	w := newWorld(t)
	_ = w.cache.Close()
	wantStatus(t, failure(t, w.dial(t, "muster:///web", grpcdiscover.Config{})), codes.Unavailable, discover.ErrClosed.Error())
}

// TestOtherResolvers: the balancer works without the registry too.
func TestOtherResolvers(t *testing.T) {
	a, b := serve(t, "a"), serve(t, "b")
	fixed := fixedResolver{a.addr.String(), b.addr.String()}
	conn := dial(t, "fixed:///web", grpc.WithResolvers(fixed), grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"muster": {"policy": "round_robin"}}]}`))
	all(t, conn, a, b)
}

// TestInstanceIsToldToBalancers: a balancer of others sees the instance.
func TestInstanceIsToldToBalancers(t *testing.T) {
	w := newWorld(t)
	i := discover.Instance{ID: "a", Address: "::1", Port: 80, Meta: map[string]string{"zone": "eu-1"}, Weights: discover.Weights{Passing: 7}}
	portless := i
	portless.ID, portless.Port = "b", 0
	w.Set("web", portless, i)
	seen := make(chan resolver.State, 1)
	u, err := targetOf("muster:///web")
	if err != nil {
		t.Fatal(err)
	}
	r, err := grpcdiscover.NewResolver(w.cache, grpcdiscover.Config{}).Build(u, &states{seen: seen}, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	state := <-seen
	if len(state.Endpoints) != 1 || len(state.Addresses) != 1 {
		t.Fatalf("got %d endpoints and %d addresses, want the one instance with a port", len(state.Endpoints), len(state.Addresses))
	}
	got, ok := grpcdiscover.InstanceOf(state.Endpoints[0])
	if !ok || got.ID != "a" || got.Zone() != "eu-1" || got.Weights.Passing != 7 || got.Status != discover.Passing {
		t.Errorf("got %+v, %v", got, ok)
	}
	if got := state.Addresses[0].Addr; got != "[::1]:80" {
		t.Errorf("got address %q", got)
	}
}

// TestFailedOfTheConfig: Failed of the config says what counts.
func TestFailedOfTheConfig(t *testing.T) {
	w := newWorld(t)
	mine := errors.New("mine")
	bad := serveAt(t, "bad", "127.0.0.1:0", func(context.Context) error { return mine })
	good := serve(t, "good")
	w.Set("web", instances(bad, good)...)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{
		Policy: balance.Outlier(balance.OutlierConfig{}, balance.RoundRobin()),
		Failed: func(err error) bool { return strings.Contains(err.Error(), "mine") },
	})
	until(t, "only the good one is called", func() bool {
		for range 20 {
			if id, _ := call(t.Context(), conn); id != good.id {
				return false
			}
		}
		return bad.calls.Load() > 0
	})
}
