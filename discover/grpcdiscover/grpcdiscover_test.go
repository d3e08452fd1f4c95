package grpcdiscover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/grpcdiscover"
)

func TestSharesByWeight(t *testing.T) {
	w := newWorld(t)
	a, b, c, none := serve(t, "a"), serve(t, "b"), serve(t, "c"), serve(t, "none")
	w.Set("web", a.instance(1), b.instance(2), c.instance(5), none.instance(0))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{Policy: balance.RoundRobin()})
	all(t, conn, a, b, c)
	before := []int64{a.calls.Load(), b.calls.Load(), c.calls.Load()}
	const calls = 800
	for range calls {
		answerer(t, t.Context(), conn)
	}
	for n, s := range []*server{a, b, c} {
		got := float64(s.calls.Load()-before[n]) / calls
		want := []float64{1. / 8, 2. / 8, 5. / 8}[n]
		if math.Abs(got-want) > 0.03 {
			t.Errorf("%s got a share of %.3f, want %.3f", s.id, got, want)
		}
	}
	if none.conns.Load() != 0 {
		t.Error("what has no weight was connected to")
	}
}

// TestComeAndGo has servers come and go gracefully under load, as a service
// does that withdraws, waits and drains: no call fails.
func TestComeAndGo(t *testing.T) {
	w := newWorld(t)
	stay := serve(t, "stay")
	w.Set("web", stay.instance(1))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{})
	all(t, conn, stay)

	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var calls, failed atomic.Int64
	for range 8 {
		load.Go(func() { // ends with ctx, awaited below
			for ctx.Err() == nil {
				calls.Add(1)
				if _, err := call(t.Context(), conn); err != nil {
					failed.Add(1)
					t.Errorf("a call failed: %v", err)
				}
			}
		})
	}
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		s := serve(t, id)
		w.Set("web", instances(stay, s)...)
		until(t, "the new one is called", func() bool { return s.calls.Load() > 0 })
		w.Set("web", instances(stay)...)
		// The server waits until readers know, as it would with
		// announce.AwaitAbsence and a moment more; here, until nobody calls.
		all(t, conn, stay)
		s.grpc.GracefulStop()
	}
	stop()
	load.Wait()
	t.Logf("%d calls, %d failed", calls.Load(), failed.Load())
}

// TestKilled kills a server without a word under load. Calls that were under way
// may fail; what follows goes to the other.
func TestKilled(t *testing.T) {
	w := newWorld(t)
	a, b := serve(t, "a"), serve(t, "b")
	w.Set("web", instances(a, b)...)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{})
	all(t, conn, a, b)
	a.grpc.Stop()
	// A call that was on its way may have had its effect: it fails, and is not
	// for gRPC to send again.
	failures := 0
	for range 100 {
		if _, err := call(t.Context(), conn); err != nil {
			failures++
		}
	}
	if failures > 1 {
		t.Errorf("%d of 100 calls, one after the other, failed; want one at the most", failures)
	}
	all(t, conn, b)

	// It returns at the same address; the registry has heard nothing of it.
	again := serveAt(t, "again", a.addr.String(), nil)
	until(t, "it is called again", func() bool { return answerer(t, t.Context(), conn) == again.id })
}

func TestStreamsOutliveTheLeave(t *testing.T) {
	w := newWorld(t)
	a, b := serve(t, "a"), serve(t, "b")
	w.Set("web", instances(a, b)...)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{Policy: balance.RoundRobin()})
	all(t, conn, a, b)
	var streams []grpc.ServerStreamingClient[healthpb.HealthCheckResponse]
	for range 4 {
		stream, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream)
	}
	w.Set("web", instances(b)...)
	all(t, conn, b)

	// All streams go on, those to the one that left too.
	for _, s := range []*server{a, b} {
		s.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	}
	for n, stream := range streams {
		if got, err := stream.Recv(); err != nil || got.Status != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Errorf("stream %d: got %v, error %v; want NOT_SERVING", n, got, err)
		}
	}
	for _, s := range []*server{a, b} {
		s.grpc.Stop()
	}
	for n, stream := range streams {
		if _, err := stream.Recv(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("stream %d: got error %v after the end of its server", n, err)
		}
	}
}

func TestAllOut(t *testing.T) {
	w := newWorld(t)
	a := serve(t, "a")
	w.Set("web", a.instance(1))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{})
	all(t, conn, a)

	out := a.instance(1)
	out.Status, out.Reason = discover.Critical, "disk: full"
	w.Set("web", out, discover.Instance{ID: "b", Node: "z", Status: discover.Critical}, discover.Instance{ID: "c", Node: "z", Status: discover.Maintenance})
	wantStatus(t, awaitFailure(t, conn), codes.Unavailable, `service "web"`, "all 3 known are out", "disk: full")

	// Who waits for ready waits, and is served when there is somebody.
	served := make(chan error, 1)
	go func() { // ends when it is served; awaited below
		_, err := call(t.Context(), conn, grpc.WaitForReady(true))
		served <- err
	}()
	w.Set("web", a.instance(1))
	if err := <-served; err != nil {
		t.Error(err)
	}

	w.Set("web")
	wantStatus(t, awaitFailure(t, conn), codes.Unavailable, "the registry knows none such")
}

// TestNobodyAskedFor: the error says what was asked for, and that nobody has a port.
func TestNobodyAskedFor(t *testing.T) {
	w := newWorld(t)
	a := serve(t, "a")
	portless := a.instance(1)
	portless.ID, portless.Port = "portless", 0
	w.Set("web", a.instance(1))
	wantStatus(t, awaitFailure(t, w.dial(t, "muster:///web?tag=nope", grpcdiscover.Config{})), codes.Unavailable, `service "web" with tags=nope: no instance to choose: the registry knows none such`)

	w.Set("web", portless)
	wantStatus(t, awaitFailure(t, w.dial(t, "muster:///web", grpcdiscover.Config{})), codes.Unavailable, "its having no port")
}

func TestRegistryIsDownAtTheStart(t *testing.T) {
	w := newWorld(t)
	w.Fail(errors.New("connection refused"))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{})
	wantStatus(t, failure(t, conn), codes.Unavailable, "registry unavailable", "connection refused")

	a := serve(t, "a")
	w.Set("web", a.instance(1))
	w.Fail(nil)
	all(t, conn, a) // by itself

	// Down again, it takes nobody away.
	asked := w.Asked("web")
	w.Fail(errors.New("connection refused"))
	until(t, "the registry was asked", func() bool { return w.Asked("web") > asked+1 })
	all(t, conn, a)
}

func TestNobodyCanBeReached(t *testing.T) {
	w := newWorld(t)
	a := serve(t, "a")
	a.grpc.Stop()
	w.Set("web", a.instance(1))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{})
	wantStatus(t, failure(t, conn), codes.Unavailable, `service "web"`, "none of 1 instances can be reached", "connection refused")
}

// TestNewsEndTheWait: the longer an instance cannot be reached, the longer
// gRPC waits. News from the registry are a reason not to.
func TestNewsEndTheWait(t *testing.T) {
	w := newWorld(t)
	a := serve(t, "a")
	a.grpc.Stop()
	w.Set("web", a.instance(1))
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{}, patient())
	awaitState(t, conn, connectivity.TransientFailure)
	again := serveAt(t, "again", a.addr.String(), nil)
	announced := a.instance(1)
	announced.Meta = map[string]string{"version": "2"}
	w.Set("web", announced)
	all(t, conn, again)
}

// TestRetryGoesElsewhere has gRPC's own retry policy send a call again.
func TestRetryGoesElsewhere(t *testing.T) {
	w := newWorld(t)
	busy := func(context.Context) error { return status.Error(codes.Unavailable, "busy") }
	bad, good := serveAt(t, "bad", "127.0.0.1:0", busy), serve(t, "good")
	w.Set("web", bad.instance(50), good.instance(1)) // by turns, most would go to the bad one twice
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{
		// Nobody is kept out.
		Policy: balance.RoundRobin(),
		ServiceConfig: `{"methodConfig": [{"name": [{}], "retryPolicy": {
			"maxAttempts": 2, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`,
	})
	until(t, "both are connected to", func() bool {
		_, _ = call(t.Context(), conn)
		return bad.calls.Load() > 0 && good.calls.Load() > 0
	})
	before := bad.calls.Load()
	for range 100 {
		if id, err := call(t.Context(), conn); err != nil || id != good.id {
			t.Fatalf("got %q, error %v; want the other to answer", id, err)
		}
	}
	if bad.calls.Load() == before {
		t.Error("the bad one was never called")
	}
}

// TestObserve: who observes is told of each attempt, with its number and its cause.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	busy := func(context.Context) error { return status.Error(codes.Unavailable, "busy") }
	bad, good := serveAt(t, "bad", "127.0.0.1:0", busy), serve(t, "good")
	w.Set("web", instances(bad, good)...)
	type key struct{}
	told := make(chan balance.Attempt, 1000)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{
		Policy: balance.RoundRobin(),
		ServiceConfig: `{"methodConfig": [{"name": [{}], "retryPolicy": {
			"maxAttempts": 2, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`,
		Observe: func(a balance.Attempt) {
			if a.Context.Value(key{}) != nil {
				told <- a
			}
		},
	})
	until(t, "both are connected to", func() bool {
		_, _ = call(t.Context(), conn)
		return bad.calls.Load() > 0 && good.calls.Load() > 0
	})
	ctx := context.WithValue(t.Context(), key{}, true)
	for range 20 { // round robin comes to the bad one within two
		if _, err := call(ctx, conn); err != nil {
			t.Fatal(err)
		}
		a := <-told
		if a.Target.ID == good.id {
			if a.Number != 1 || a.Failed || a.Err != nil || a.Cause != nil || a.Took <= 0 {
				t.Errorf("got %+v", a)
			}
			continue
		}
		again := <-told
		if a.Number != 1 || !a.Failed || status.Code(a.Err) != codes.Unavailable || again.Number != 2 || again.Failed || again.Target.ID != good.id ||
			a.Cause != nil || again.Cause != a.Err {
			t.Errorf("got %+v and %+v", a, again)
		}
		return
	}
	t.Error("the bad one was never called")
}

// TestFailuresAreTold: what fails its calls is kept out, and what only says no is not.
func TestFailuresAreTold(t *testing.T) {
	for _, test := range []struct {
		code codes.Code
		out  bool
	}{
		{codes.Unavailable, true}, {codes.DeadlineExceeded, true}, {codes.ResourceExhausted, true}, {codes.Internal, true}, {codes.DataLoss, true},
		{codes.NotFound, false}, {codes.InvalidArgument, false}, {codes.Unknown, false}, {codes.Canceled, false}, {codes.PermissionDenied, false},
	} {
		w := newWorld(t)
		bad := serveAt(t, "bad", "127.0.0.1:0", func(context.Context) error { return status.Error(test.code, "no") })
		good := serve(t, "good")
		w.Set("web", instances(bad, good)...)
		conn := w.dial(t, "muster:///web?policy=round_robin", grpcdiscover.Config{})
		until(t, "both are connected to", func() bool {
			_, _ = call(t.Context(), conn)
			return bad.calls.Load() > 0 && good.calls.Load() > 0
		})
		ejected := func() bool {
			failed := 0
			for range 50 {
				if _, err := call(t.Context(), conn); err != nil {
					failed++
				}
			}
			return failed == 0
		}
		if test.out {
			until(t, test.code.String()+" has it ejected", ejected)
		} else if ejected() {
			t.Errorf("%s: it was kept out, want it to stay", test.code)
		}
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	servers := []*server{serve(t, "a"), serve(t, "b"), serve(t, "c")}
	w.Set("web", instances(servers...)...)
	conn := w.dial(t, "muster:///web", grpcdiscover.Config{
		ServiceConfig: `{"loadBalancingConfig": [{"muster": {"policy": "consistent_hash", "requestHashHeader": "x-user"}}]}`,
	})
	all(t, conn, servers...)
	used := map[string]bool{}
	for n := range 100 {
		user := fmt.Sprint("user ", n)
		first := answerer(t, grpcdiscover.WithKey(t.Context(), user), conn)
		used[first] = true
		for range 3 {
			if got := answerer(t, grpcdiscover.WithKey(t.Context(), user), conn); got != first {
				t.Errorf("key %s went to %s and %s", user, first, got)
			}
			if got := answerer(t, metadata.AppendToOutgoingContext(t.Context(), "X-User", user), conn); got != first {
				t.Errorf("key %s in a header went to %s, and in the context to %s", user, got, first)
			}
		}
	}
	if len(used) != 3 {
		t.Errorf("100 users went to %d of 3 instances", len(used))
	}
}

func TestSubset(t *testing.T) {
	w := newWorld(t)
	var servers []*server
	for n := range 12 {
		servers = append(servers, serve(t, string(rune('a'+n))))
	}
	w.Set("web", instances(servers...)...)
	used := map[string]int{}
	for caller := range 4 {
		conn := w.dial(t, "muster:///web", grpcdiscover.Config{
			Policy: balance.RoundRobin(),
			Subset: balance.SubsetConfig{Size: 3, Caller: caller, Callers: 4},
		})
		var mine map[string]bool
		until(t, "three are called", func() bool {
			mine = map[string]bool{}
			for range 30 {
				mine[answerer(t, t.Context(), conn)] = true
			}
			return len(mine) >= 3
		})
		for id := range mine {
			used[id]++
		}
	}
	var conns int64
	for _, s := range servers {
		conns += s.conns.Load()
		if used[s.id] != 1 {
			t.Errorf("%s is called by %d of the 4 callers, want 1", s.id, used[s.id])
		}
	}
	if conns != 12 {
		t.Errorf("4 callers made %d connections, want 3 each", conns)
	}
}

// TestOneWatch: many connections ask the registry once.
func TestOneWatch(t *testing.T) {
	w := newWorld(t)
	a := serve(t, "a")
	w.Set("web", a.instance(1))
	for range 10 {
		all(t, w.dial(t, "muster:///web", grpcdiscover.Config{}), a)
	}
	if got := w.Asked("web"); got > 2 { // the answer, and the wait for the next
		t.Errorf("10 connections asked %d times, want one watch", got)
	}
}
