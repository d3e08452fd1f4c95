package test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/realjf/muster/test/registry"
)

// overloadFor is how long the full story takes; a short one is told without it.
var overloadFor = flag.Duration("overload", 0, "how long a registry on disk is asked for ten times what it can do, with figures")

// TestOverload: a registry is asked for much more than it can do. It does what
// it can, refuses the rest and says when to ask again; its checks, heartbeats
// and names go on, and nothing healthy fails.
func TestOverload(t *testing.T) {
	kind, checks, askers, rows := registry.Agent(muster), 10, 1500, 2000
	if *overloadFor > 0 {
		kind, checks, askers = registry.Durable(muster, t.TempDir()), 200, 4000
	}
	if raceDetector {
		rows /= 4
	}
	s := newScene(t, kind)
	s.many("big", rows)
	healthy := s.healthy(checks)
	rss := s.memory("VmRSS")

	pressure := &pressure{scene: s, limit: rate.NewLimiter(rate.Inf, 0)}
	if *overloadFor > 0 {
		began := time.Now()
		const trial = 5 * time.Second
		pressure.ask(2*runtime.GOMAXPROCS(0), func() bool { return time.Since(began) > trial })
		able := float64(len(pressure.accepted)) / trial.Seconds()
		t.Logf("it can do %.0f a second", able)
		pressure.limit = rate.NewLimiter(rate.Limit(10*able), 100)
		pressure.reset()
		healthy.reset()
	}
	began := time.Now()
	seen := healthy.looks()
	pressure.ask(askers, func() bool {
		if *overloadFor > 0 {
			return time.Since(began) > *overloadFor
		}
		accepted, refused := pressure.counts()
		return accepted >= 50 && refused >= 500 && healthy.looks() >= seen+3*int64(checks) || time.Since(began) > 3*time.Minute
	})
	took := time.Since(began).Seconds()
	inside := s.insideOf("v1_health_service_")
	healthy.end()

	accepted, refused := pressure.counts()
	t.Logf("in %.0f s: offered %.0f a second, accepted %.0f, refused %.0f", took,
		float64(accepted+refused)/took, float64(accepted)/took, float64(refused)/took)
	t.Logf("answers took %s; refusals %s", spread(pressure.accepted), spread(pressure.refused))
	t.Logf("in the registry itself, of both in the last ten seconds: %s", inside)
	healthy.tell()
	t.Logf("resident: %d MiB before, %d MiB at most", rss>>20, s.memory("VmHWM")>>20)
	if accepted < 50 || refused < 500 {
		t.Errorf("%d were accepted and %d refused", accepted, refused)
	}
	// What there is to hold grows with those who ask, not with what they ask for.
	if grown := s.memory("VmHWM") - rss; grown > 100<<20+int64(askers)<<18 && !raceDetector {
		t.Errorf("it took %d MiB more", grown>>20)
	}
	s.eventually(time.Minute, "it answers again", func(ctx context.Context) error {
		return pressure.one(ctx, http.DefaultClient, func(status int, took time.Duration) error {
			if status != http.StatusOK {
				return fmt.Errorf("got %d", status)
			}
			return nil
		})
	})
}

// many registers a service with so many instances.
func (s *scene) many(name string, instances int) {
	s.Helper()
	for at := 0; at < instances; at += 50 {
		var operations []any
		for n := at; n < min(at+50, instances); n++ {
			operations = append(operations, map[string]any{"Service": map[string]any{"Verb": "set", "Node": "far",
				"Service": map[string]any{"ID": fmt.Sprint(name, "-", n), "Service": name, "Port": 80, "Meta": map[string]string{"rack": fmt.Sprint(n % 10)}}}})
		}
		if at == 0 {
			s.put("/v1/catalog/register", `{"Node":"far","Address":"10.0.0.9"}`)
		}
		text, err := json.Marshal(operations)
		if err != nil {
			s.Fatal(err)
		}
		s.put("/v1/txn", string(text))
	}
}

// pressure asks a registry for what costs it much.
type pressure struct {
	*scene
	limit *rate.Limiter

	mu                sync.Mutex
	accepted, refused []time.Duration
}

func (p *pressure) reset() { p.accepted, p.refused = nil, nil }

func (p *pressure) counts() (accepted, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.accepted), len(p.refused)
}

// ask lets so many ask, each over its own connection, until it is enough. What
// is neither an answer nor a refusal as it should be fails the story.
func (p *pressure) ask(askers int, enough func() bool) {
	p.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: askers}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	var over atomic.Bool
	var group errgroup.Group
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	for range askers {
		group.Go(func() error { // ends when it is enough, or one of them fails; awaited below
			for !over.Load() {
				if p.limit.Wait(ctx) != nil {
					return nil // it is enough
				}
				err := p.one(ctx, client, func(status int, took time.Duration) error {
					p.mu.Lock()
					defer p.mu.Unlock()
					if status == http.StatusOK {
						p.accepted = append(p.accepted, took)
					} else {
						p.refused = append(p.refused, took)
					}
					return nil
				})
				if err != nil {
					over.Store(true)
					return err
				}
			}
			return nil
		})
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !over.Load() && !enough() {
		<-tick.C
	}
	over.Store(true)
	if p.limit.Limit() != rate.Inf {
		time.AfterFunc(2*time.Second, cancel) // those who wait to ask go home; the others have their answers by then
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		p.Error(err)
	}
}

// one asks once, nine times out of ten a question that nobody asked before, and
// tells what came of it.
func (p *pressure) one(ctx context.Context, client *http.Client, tell func(status int, took time.Duration) error) error {
	method, path, body := http.MethodGet, fmt.Sprintf("/v1/health/service/big?filter=Service.Meta.rack==%d", rand.Uint64()), ""
	if rand.IntN(10) == 0 {
		method, path, body = http.MethodPut, fmt.Sprintf("/v1/kv/load/%d", rand.IntN(100)), strings.Repeat("x", 8<<10)
	}
	request, err := http.NewRequestWithContext(ctx, method, p.registry.URL(path), strings.NewReader(body))
	if err != nil {
		return err
	}
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	refused := response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != ""
	if response.StatusCode != http.StatusOK && !refused {
		return fmt.Errorf("%s %s: %s %v %s", method, path, response.Status, response.Header, text)
	}
	return tell(response.StatusCode, time.Since(began))
}

// wellbeing is what should go on while a registry has too much to do.
type wellbeing struct {
	*scene
	group errgroup.Group
	over  context.CancelFunc
	web   *httptest.Server

	mu    sync.Mutex
	last  map[string]time.Time // when each target was looked at
	late  []time.Duration      // looks, after an interval was over
	took  map[string][]time.Duration
	count int64
}

// healthy registers instances that are well, half of which say so themselves,
// and watches over them until it ends.
func (s *scene) healthy(checks int) *wellbeing {
	s.Helper()
	ctx, over := context.WithCancel(s.Context())
	h := &wellbeing{scene: s, over: over, last: map[string]time.Time{}, took: map[string][]time.Duration{}}
	h.web = httptest.NewServer(http.HandlerFunc(h.look))
	s.Cleanup(h.web.Close)
	for n := range checks {
		s.put("/v1/agent/service/register", fmt.Sprintf(`{"Name":"web","ID":"web-%d","Port":80,"Check":{"HTTP":"%s/%d","Interval":"1s"}}`, n, h.web.URL, n))
		s.put("/v1/agent/service/register", fmt.Sprintf(`{"Name":"ttl","ID":"ttl-%d","Port":80,"Check":{"TTL":"30s","Status":"passing"}}`, n))
	}
	s.eventually(time.Minute, "all is well", func(ctx context.Context) error {
		_, text, err := s.registry.Get(ctx, "/v1/health/state/critical")
		if err == nil && string(text) != "[]" {
			err = fmt.Errorf("critical is %.500s", text)
		}
		return err
	})
	every := func(pause time.Duration, name string, do func() error) {
		h.group.Go(func() error { // ends with the context, which end cancels; awaited there
			for tick := time.Tick(pause); ; {
				select {
				case <-ctx.Done():
					return nil
				case <-tick:
				}
				began := time.Now()
				if err := do(); err != nil && ctx.Err() == nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				h.mu.Lock()
				h.took[name] = append(h.took[name], time.Since(began))
				h.mu.Unlock()
			}
		})
	}
	for n := range checks { // each for itself, as instances do
		every(5*time.Second, "beat", func() error {
			return s.registry.Put(context.WithoutCancel(ctx), fmt.Sprintf("/v1/agent/check/pass/service:ttl-%d", n), http.NoBody)
		})
	}
	every(100*time.Millisecond, "leader", func() error { return h.ask(ctx, "/v1/status/leader", http.StatusOK) })
	every(100*time.Millisecond, "name", func() error {
		client := dns.Client{Timeout: 10 * time.Second}
		answer, _, err := client.Exchange(new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeSRV), s.registry.DNSAddress())
		if err == nil && len(answer.Answer) == 0 {
			err = fmt.Errorf("nobody is well: %v", answer)
		}
		return err
	})
	h.group.Go(func() error { return h.watch(ctx) }) // as above
	return h
}

// ask asks for a status.
func (h *wellbeing) ask(ctx context.Context, path string, want int) error {
	status, text, err := h.registry.Get(ctx, path)
	if err == nil && status != want {
		err = fmt.Errorf("GET %s: %d %s", path, status, text)
	}
	return err
}

// watch wants nothing to become critical, and looks at each change.
func (h *wellbeing) watch(ctx context.Context) error {
	index := "1"
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.registry.URL("/v1/health/state/critical?index="+index), nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			break // it is over, or others say that the registry is gone
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read
		if err != nil {
			break
		}
		if response.StatusCode != http.StatusOK || string(text) != "[]" {
			return fmt.Errorf("critical is %s %s", response.Status, text)
		}
		index = response.Header.Get("X-Consul-Index")
	}
	return nil
}

// look is what a target answers.
func (h *wellbeing) look(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if last, again := h.last[r.URL.Path]; again {
		h.late = append(h.late, max(0, now.Sub(last)-checkInterval))
	}
	h.last[r.URL.Path] = now
	h.count++
}

func (h *wellbeing) looks() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// tell logs what was measured. The checks go on meanwhile.
func (h *wellbeing) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Helper()
	h.Logf("looks were late by %s; heartbeats took %s; names %s; the leader %s",
		spread(h.late), spread(h.took["beat"]), spread(h.took["name"]), spread(h.took["leader"]))
}

// reset forgets what was measured.
func (h *wellbeing) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.late = nil
	clear(h.took)
}

// end ends the watch and tells what was not well.
func (h *wellbeing) end() {
	h.Helper()
	h.over()
	if err := h.group.Wait(); err != nil {
		h.Errorf("while the registry was busy: %v", err)
	}
}

// insideOf tells how long requests to a path took by the registry's own clock,
// which does not run while they wait for a processor outside of it.
func (s *scene) insideOf(path string) string {
	s.Helper()
	_, text, err := s.registry.Get(s.Context(), "/v1/agent/metrics")
	if err != nil {
		s.Fatal(err)
	}
	var report struct {
		Samples []struct {
			Name      string
			Count     int
			Mean, Max float64
			Labels    map[string]string
		}
	}
	if err := json.Unmarshal(text, &report); err != nil {
		s.Fatal(err)
	}
	for _, sample := range report.Samples {
		if sample.Name == "consul.api.http" && sample.Labels["path"] == path && sample.Labels["method"] == http.MethodGet {
			return fmt.Sprintf("%.0fms in the mean, most %.0fms, of %d", sample.Mean, sample.Max, sample.Count)
		}
	}
	return "nothing told"
}

// memory returns a figure of the registry's process, in bytes; 0 where the
// system does not tell.
func (s *scene) memory(figure string) int64 {
	s.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.registry.Program().PID()))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		s.Fatal(err)
	}
	found := regexp.MustCompile(figure + `:\s+([0-9]+) kB`).FindSubmatch(text)
	if found == nil {
		s.Fatalf("no %s in\n%s", figure, text)
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		s.Fatal(err)
	}
	return kib << 10
}

// spread tells the middle, the hundredth at the upper end and the last of times.
func spread(times []time.Duration) string {
	if len(times) == 0 {
		return "(none)"
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(share float64) time.Duration {
		return sorted[int(share*float64(len(sorted)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%s (p99 %s, most %s, of %d)", at(0.5), at(0.99), at(1), len(sorted))
}
