package test

import (
	"bytes"
	"context"
	"flag"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// The sizes of TestRestartWithoutAnOutage; "make restarts" has full ones.
var (
	restarts         = flag.Int("restarts", 2, "how often TestRestartWithoutAnOutage kills the registry and starts it again")
	restartInstances = flag.Int("restart-instances", 100, "how many instances are registered meanwhile")
	restartServices  = flag.Int("restart-services", 10, "of how many services they are")
	restartWatchers  = flag.Int("restart-watchers", 50, "how many watches of the library read")
	restartReaders   = flag.Int("restart-readers", 50, "how many plain readers do")
	restartWithin    = flag.Duration("restart-within", 0, "how long after the registry answers all must know what was changed after that, with no read broken; 0 for any time")
)

// herdLimit is how long anything may take on a machine that is busy.
const herdLimit = 2 * time.Minute

// TestRestartWithoutAnOutage kills a registry that keeps its data on disk, and
// starts it again, while many wait for what they know to change. Nobody is ever
// told of fewer healthy instances than live; all soon know what was changed
// after the restart; and an instance that died meanwhile is out with its first
// look: its next one would be in an hour.
func TestRestartWithoutAnOutage(t *testing.T) {
	// With no limit on the connections of one client, by default 200: all
	// readers are one here.
	s := newScene(t, registry.Durable(muster, filepath.Join(t.TempDir(), "data")))
	f := s.fleet(*restartInstances, *restartServices)
	h := s.herd(f, *restartWatchers, *restartReaders)
	defer h.end()
	blocked := *restartWatchers + *restartReaders
	for life := 1; life <= *restarts; life++ {
		s.settles("consul.rpc.queries_blocking", blocked)
		h.away()
		killed := time.Now()
		s.killRegistry()
		service, died := f.kill(life)

		began := time.Now()
		s.startRegistry()
		answered := time.Now()
		h.back()
		var marking errgroup.Group
		marking.Go(func() error { return f.mark(s, life) }) // ends by itself; awaited below
		s.eventually(herdLimit, died+" is out", func(ctx context.Context) error { return s.isOut(ctx, service, died) })
		out := time.Since(answered)
		s.settles("muster.checks_warming", 0)
		looked := time.Since(answered)
		if err := marking.Wait(); err != nil {
			s.Fatal(err)
		}
		s.eventually(herdLimit, "all are current", func(context.Context) error { return h.current(life) })
		s.eventually(herdLimit, "all know that "+died+" is out", func(context.Context) error { return h.without(service, died) })
		median, slowest := h.delays(answered)
		s.Logf("restart %d: it answered after %s; readers current after that: median %s, slowest %s; what died was out after %s, all checks had looked after %s; "+
			"connects: %d in the fullest second (%d of watches), %d in the fullest tenth; %d reads broke; %d answers with fewer healthy than lived, at least %d of a service",
			life, answered.Sub(began).Round(time.Millisecond), median.Round(time.Millisecond), slowest.Round(time.Millisecond), out.Round(time.Millisecond), looked.Round(time.Millisecond),
			fullest(killed, time.Second, h.byWatch, h.byHand), fullest(killed, time.Second, h.byWatch), fullest(killed, time.Second/10, h.byWatch, h.byHand),
			h.cut.Load(), f.wrong(), f.fewest())
		if *restartWithin > 0 && (slowest > *restartWithin || h.cut.Load() > 0) {
			s.Errorf("restart %d: the slowest reader was current after %s, and %d reads broke; want %s, and none",
				life, slowest, h.cut.Load(), *restartWithin)
		}
	}
}

// TestAnEndTakesNothing: a registry on disk that is asked to end says so to
// those who wait, and withdraws nothing, leave_on_terminate or not: it is not
// the node that leaves. A Consul server that is alone does the same.
func TestAnEndTakesNothing(t *testing.T) {
	t.Parallel()
	kind := registry.Durable(muster, filepath.Join(t.TempDir(), "data"))
	plain := kind.Args
	kind.Args = func(ports registry.Ports) ([]string, error) {
		args, err := plain(ports)
		return append(args, "-hcl", "leave_on_terminate = true skip_leave_on_interrupt = false"), err
	}
	s := newScene(t, kind)
	body := `{"Name":"web","Check":{"TTL":"1h","Status":"passing"}}`
	if err := s.registry.Put(t.Context(), "/v1/agent/service/register", strings.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	signal := func(which syscall.Signal) func() error {
		return func() error { return s.registry.Program().Signal(which) }
	}
	for _, tc := range []struct {
		name string
		end  func() error
	}{
		{"SIGTERM", signal(syscall.SIGTERM)},
		{"SIGINT", signal(syscall.SIGINT)},
		{"agent/leave", func() error { return s.registry.Put(t.Context(), "/v1/agent/leave", nil) }},
	} {
		readers := make([]*reader, 20)
		for n := range readers {
			readers[n] = &reader{path: "/v1/health/service/web"}
		}
		s.wait(readers)
		if err := tc.end(); err != nil {
			t.Fatal(err)
		}
		for _, r := range readers {
			if got := r.answer(s); !strings.Contains(got, "503 Service Unavailable") || !strings.Contains(got, "shutting down; ask again") {
				t.Errorf("%s: a reader got %s", tc.name, got)
			}
			r.hangUp(s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), startLimit)
		code, err := s.registry.Program().Wait(ctx)
		cancel()
		if err != nil || code != 0 {
			t.Errorf("%s: it ended with %d, %v", tc.name, code, err)
		}
		s.startRegistry()
		_, got, err := s.registry.Get(t.Context(), "/v1/health/service/web?passing")
		if err != nil || !bytes.Contains(got, []byte(`"service:web"`)) {
			t.Errorf("after %s and a restart: got %s, %v; want web, passing", tc.name, got, err)
		}
	}
}
