package oteldiscover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/httpdiscover"
	"github.com/realjf/muster/discover/oteldiscover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collected is a Telemetry and all that it tells.
type collected struct {
	*oteldiscover.Telemetry
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
	tracer trace.Tracer
}

func collect(t *testing.T) *collected {
	t.Helper()
	c := &collected{reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c.spans))
	c.tracer = tracers.Tracer("test")
	var err error
	c.Telemetry, err = oteldiscover.New(oteldiscover.Config{
		Meters: metric.NewMeterProvider(metric.WithReader(c.reader)), Tracers: tracers, Propagator: propagation.TraceContext{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// points returns what an instrument tells, as "attributes value" in order; of a
// histogram the value is its count.
func (c *collected) points(t *testing.T, name string) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := c.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	var points []string
	add := func(set attribute.Set, value any) {
		points = append(points, strings.TrimSpace(fmt.Sprint(set.Encoded(attribute.DefaultEncoder()), " ", value)))
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, p.Count)
				}
			default:
				t.Fatalf("%s is a %T", name, data)
			}
		}
	}
	slices.Sort(points)
	return points
}

func (c *collected) want(t *testing.T, name string, want ...string) {
	t.Helper()
	if got := c.points(t, name); !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", name, got, want)
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"}, discover.Instance{ID: "2"}, discover.Instance{ID: "3", Status: discover.Critical})
		cache := discover.NewCache(src, discover.CacheConfig{})
		defer cache.Close()
		for _, q := range []discover.Query{{Service: "web"}, {Service: "none", Tags: "v2"}} {
			if _, err := cache.Get(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		registrar := announce.NewRegistrar(&forgetful{}, announce.Registration{ID: "web-1", Service: "web"}, announce.RegistrarConfig{})
		if err := registrar.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // heals once
		c := collect(t)
		stop, err := c.Follow(cache, registrar)
		if err != nil {
			t.Fatal(err)
		}
		of := "muster.query=,%s,service.peer.name=web %d"
		c.want(t, "muster.discovery.instances",
			"muster.query=,muster.status=critical,service.peer.name=web 1", "muster.query=,muster.status=maintenance,service.peer.name=web 0",
			fmt.Sprintf(of, "muster.status=passing", 2), fmt.Sprintf(of, "muster.status=warning", 0),
			`muster.query=tags\=v2,muster.status=critical,service.peer.name=none 0`, `muster.query=tags\=v2,muster.status=maintenance,service.peer.name=none 0`,
			`muster.query=tags\=v2,muster.status=passing,service.peer.name=none 0`, `muster.query=tags\=v2,muster.status=warning,service.peer.name=none 0`)
		c.want(t, "muster.discovery.age", "muster.query=,service.peer.name=web 30", `muster.query=tags\=v2,service.peer.name=none 30`)
		states := c.points(t, "muster.discovery.state")
		if len(states) != 14 || !slices.Contains(states, fmt.Sprintf(of, "muster.state=current", 1)) || !slices.Contains(states, fmt.Sprintf(of, "muster.state=degraded", 0)) ||
			!slices.Contains(states, `muster.query=tags\=v2,muster.state=empty,service.peer.name=none 1`) {
			t.Errorf("got states %q", states)
		}
		c.want(t, "muster.registrations", "muster.standing=healing 0", "muster.standing=leaving 0", "muster.standing=lost 0",
			"muster.standing=registered 1", "muster.standing=registering 0", "muster.standing=withdrawn 0")
		c.want(t, "muster.registrations.healed", "1")
		if err := registrar.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		c.want(t, "muster.registrations")
	})
}

// forgetful is a registry that loses the first registration.
type forgetful struct{ registered int }

func (f *forgetful) Register(context.Context, announce.Registration) error {
	f.registered++
	return nil
}
func (f *forgetful) Deregister(context.Context, string) error { return nil }
func (f *forgetful) Await(ctx context.Context, id, hash string) (string, error) {
	switch {
	case f.registered < 2:
		return "", announce.ErrNotRegistered
	case hash == "":
		return "hash", nil
	}
	<-ctx.Done()
	return "", errors.New("cancelled")
}

func instance(n int) discover.Instance {
	return discover.Instance{ID: fmt.Sprint("web-", n), Service: "web", Address: "10.0.0.1", Port: n, Weights: discover.Weights{Passing: 1}}
}

// network connects to servers inside of the test, by their addresses: where there
// is none, connections are refused. So time can be synctest's.
type network map[string]chan net.Conn

func (n network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n[address] <- there:
		return here, nil
	default:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
}

// serve starts a server for an instance, until the test ends.
func (n network) serve(t *testing.T, i discover.Instance, handler http.HandlerFunc) {
	conns := make(chan net.Conn, 10)
	n[i.HostPort()] = conns
	server := &http.Server{Handler: handler}
	l := &listener{conns: conns, closed: make(chan struct{})}
	var ended sync.WaitGroup
	ended.Go(func() { _ = server.Serve(l) }) // ends with the server, awaited in the cleanup
	t.Cleanup(func() { _ = server.Close(); ended.Wait() })
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// inOrder is a policy that chooses the first by id that was not tried.
type inOrder struct{}

func (inOrder) Plan(candidates []balance.Candidate, _ time.Time) balance.Plan {
	targets := make([]*balance.Target, len(candidates))
	for n, c := range candidates {
		targets[n] = c.Target
	}
	slices.SortFunc(targets, func(a, b *balance.Target) int { return strings.Compare(a.ID, b.ID) })
	return balance.Plan{Picker: picker(targets)}
}

type picker []*balance.Target

func (p picker) Pick(r balance.Request) *balance.Target {
	for _, t := range p {
		if !slices.Contains(r.Tried, t) {
			return t
		}
	}
	return p[0]
}

// Of one request that is refused, fails, takes long and is answered in the end,
// each attempt is a span that says where, the how manieth, and why.
func TestHTTP(t *testing.T) { synctest.Test(t, testHTTP) }

func testHTTP(t *testing.T) {
	c := collect(t)
	parents := make(chan string, 1)
	servers := network{}
	refused, busy, hangs, answers := instance(1), instance(2), instance(3), instance(4)
	servers.serve(t, busy, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	servers.serve(t, hangs, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	servers.serve(t, answers, func(w http.ResponseWriter, r *http.Request) { parents <- r.Header.Get("traceparent") })
	observed := 0
	cfg := c.HTTP(httpdiscover.Config{
		Base: &http.Transport{DialContext: servers.dial}, Policy: inOrder{},
		Retry: httpdiscover.Retry{Attempts: 4}, Hedge: httpdiscover.Hedge{Delay: 300 * time.Millisecond},
		Begin: func(a httpdiscover.Attempt, header http.Header) context.Context {
			if header.Get("Traceparent") == "" {
				t.Error("the headers of an attempt have no parent yet")
			}
			return a.Context
		},
		Observe: func(httpdiscover.Attempt) { observed++ },
	})
	cache := discover.NewCache(discover.Fixed(refused, busy, hangs, answers), discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, cfg)
	ctx, caller := c.tracer.Start(t.Context(), "caller")
	r, err := http.NewRequestWithContext(ctx, "GET", "http://ann:secret@web/orders?id=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if err := transport.Close(); err != nil { // waits for the attempt that lost
		t.Fatal(err)
	}
	caller.End()

	spans := map[string]sdktrace.ReadOnlySpan{}
	attributes := map[string]map[attribute.Key]attribute.Value{}
	for _, s := range c.spans.Ended() {
		if s.SpanKind() != trace.SpanKindClient {
			continue
		}
		all := map[attribute.Key]attribute.Value{}
		for _, kv := range s.Attributes() {
			all[kv.Key] = kv.Value
		}
		id := all["muster.instance.id"].AsString()
		spans[id], attributes[id] = s, all
		if s.Name() != "GET" || s.Parent().SpanID() != caller.SpanContext().SpanID() {
			t.Errorf("%s: got span %q below %s", id, s.Name(), s.Parent().SpanID())
		}
		if url := all["url.full"].AsString(); url != "http://REDACTED:REDACTED@web/orders?id=7" {
			t.Errorf("%s: got url.full %s", id, url)
		}
		if all["server.address"].AsString() != "web" || all["server.port"].AsInt64() != 80 || all["service.peer.name"].AsString() != "web" {
			t.Errorf("%s: got %v", id, all)
		}
	}
	for n, want := range []struct {
		instance                    discover.Instance
		cause, outcome, kind, error string
		status                      int64
		code                        codes.Code
	}{
		{refused, "first", "failed", "*net.OpError", "connection refused", 0, codes.Error},
		{busy, "unsent", "failed", "503", "", 503, codes.Error},
		{hangs, "failed", "lost", "lost", "", 0, codes.Unset},
		{answers, "slow", "ok", "", "", 200, codes.Unset},
	} {
		id := want.instance.ID
		span, got := spans[id], attributes[id]
		if span == nil {
			t.Fatalf("no span for %s: %v", id, attributes)
		}
		if got["muster.attempt.cause"].AsString() != want.cause || got["muster.attempt.outcome"].AsString() != want.outcome ||
			got["error.type"].AsString() != want.kind || got["http.response.status_code"].AsInt64() != want.status ||
			got["http.request.resend_count"].AsInt64() != int64(n) || got["network.peer.port"].AsInt64() != int64(want.instance.Port) ||
			span.Status().Code != want.code || !strings.Contains(span.Status().Description, want.error) {
			t.Errorf("%s: got %v, status %v; want %+v", id, got, span.Status(), want)
		}
	}
	if parent := <-parents; !strings.Contains(parent, spans["web-4"].SpanContext().SpanID().String()) {
		t.Errorf("the instance saw the parent %s", parent)
	}
	if observed != 4 {
		t.Errorf("the config's own hook was called %d times", observed)
	}
	const of = "muster.attempt.cause=%s,muster.attempt.outcome=%s,service.peer.name=web 1"
	c.want(t, "muster.client.attempt.duration", fmt.Sprintf(of, "failed", "lost"), fmt.Sprintf(of, "first", "failed"), fmt.Sprintf(of, "slow", "ok"), fmt.Sprintf(of, "unsent", "failed"))
	const to = "http.request.method=GET,%sserver.address=web,server.port=80,service.peer.name=web 1"
	c.want(t, "http.client.request.duration", fmt.Sprintf("error.type=*net.OpError,"+to, ""), fmt.Sprintf("error.type=503,"+to, "http.response.status_code=503,"),
		fmt.Sprintf("error.type=lost,"+to, ""), fmt.Sprintf(to, "http.response.status_code=200,"))
}

// A caller that goes is nobody's failure, and a method that nobody knows makes
// no series of its own.
func TestEnded(t *testing.T) {
	c := collect(t)
	ctx, cancel := context.WithCancel(t.Context())
	servers := network{}
	servers.serve(t, instance(1), func(w http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	cache := discover.NewCache(discover.Fixed(instance(1)), discover.CacheConfig{})
	defer cache.Close()
	transport := httpdiscover.New(cache, c.HTTP(httpdiscover.Config{Base: &http.Transport{DialContext: servers.dial}}))
	defer transport.Close()
	r, err := http.NewRequestWithContext(ctx, "BREW", "http://web", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	c.want(t, "muster.client.attempt.duration", "muster.attempt.cause=first,muster.attempt.outcome=ended,service.peer.name=web 1")
	if got := c.points(t, "http.client.request.duration"); len(got) != 1 || !strings.Contains(got[0], "http.request.method=_OTHER") {
		t.Errorf("got %q", got)
	}
	if s := c.spans.Ended(); len(s) != 1 || s[0].Name() != "HTTP" {
		t.Errorf("got spans %v", s)
	}
}

// What fails is counted as ejected, once while it is out.
func TestOutlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collect(t)
		hand := discovertest.NewHand()
		hand.Set("web", discover.Instance{ID: "1", Weights: discover.Weights{Passing: 1}}, discover.Instance{ID: "2", Weights: discover.Weights{Passing: 1}})
		watcher := discover.Watch(hand, discover.Query{Service: "web"}, discover.WatchConfig{})
		defer watcher.Close()
		b := balance.New(watcher, c.Outlier(balance.OutlierConfig{}, balance.RoundRobin()))
		defer b.Close()
		for _, want := range []struct{ total, now string }{{"1", "1"}, {"1", "0"}, {"2", "1"}} {
			for range 20 {
				target, err := b.Pick(t.Context(), balance.Request{})
				if err != nil {
					t.Fatal(err)
				}
				call := target.Start()
				if target.ID == "1" {
					call.Done(errors.New("broken"))
				} else {
					call.Done(nil)
				}
			}
			time.Sleep(20 * time.Second) // it is out for half a minute
			synctest.Wait()
			c.want(t, "muster.client.ejections", "service.peer.name=web "+want.total)
			c.want(t, "muster.client.ejected", "service.peer.name=web "+want.now)
		}
	})
}

// Calls of other protocols are counted, and their spans say where they went.
func TestObserve(t *testing.T) {
	c := collect(t)
	target := balance.NewSet().Update([]discover.Instance{{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80}}, time.Now())[0]
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	ctx, span := c.tracer.Start(t.Context(), "call")
	for _, a := range []balance.Attempt{
		{Context: ctx, Number: 1},
		{Context: ctx, Number: 1, Err: errors.New("broken"), Failed: true},
		{Context: ctx, Number: 2},
		{Context: ctx, Number: 2, Cause: balance.ErrUnreachable},
		{Context: ctx, Number: 1, Err: balance.ErrUnreachable},
		{Context: gone, Err: context.Canceled},
	} {
		a.Target = target
		c.Observe(a)
	}
	span.End()
	const of = "muster.attempt.cause=%s,muster.attempt.outcome=%s,service.peer.name=web 1"
	c.want(t, "muster.client.attempt.duration", fmt.Sprintf(of, "failed", "ok"), fmt.Sprintf(of, "first", "ended"),
		strings.TrimSuffix(fmt.Sprintf(of, "first", "failed"), "1")+"2", fmt.Sprintf(of, "first", "ok"), fmt.Sprintf(of, "unsent", "ok"))
	got := attribute.NewSet(c.spans.Ended()[0].Attributes()...)
	want := attribute.NewSet(attribute.String("service.peer.name", "web"), attribute.String("network.peer.address", "10.0.0.1"),
		attribute.Int("network.peer.port", 80), attribute.String("muster.instance.id", "web-1"))
	if !got.Equals(&want) {
		t.Errorf("got %v", got.Encoded(attribute.DefaultEncoder()))
	}
}

func TestARegistrarIsMissing(t *testing.T) {
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "Follow needs registrars") {
			t.Errorf("panics with %q", said)
		}
	}()
	_, _ = collect(t).Follow(nil, nil)
}
