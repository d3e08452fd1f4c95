package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// The tests here count inside muster's registry how many readers wait, and how
// often one is woken, so they are told of no other.

// TestOnlyWhoseAnswerChangesIsWoken: of a thousand who wait for a service each,
// one write wakes one.
func TestOnlyWhoseAnswerChangesIsWoken(t *testing.T) {
	const services = 1000
	s := newScene(t, registry.Agent(muster))
	write := func(n int, address string) {
		t.Helper()
		body := fmt.Sprintf(`{"Node":"node-%d","Address":%q,"Service":{"Service":"service-%d"}}`, n, address, n)
		if err := s.registry.Put(t.Context(), "/v1/catalog/register", strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	readers := make([]*reader, services)
	for n := range readers {
		write(n, "10.0.0.1")
		readers[n] = &reader{path: fmt.Sprintf("/v1/health/service/service-%d", n)}
	}
	s.wait(readers)
	before := s.gauge("muster.queries_woken")

	write(500, "10.0.0.2")
	if body := readers[500].answer(s); !strings.Contains(body, "10.0.0.2") {
		t.Errorf("the reader of the service that changed got %s", body)
	}
	for _, r := range readers {
		r.hangUp(s)
	}
	s.settles("consul.rpc.queries_blocking", 0)
	if woken := s.gauge("muster.queries_woken") - before; woken != 1 {
		t.Errorf("%d readers were woken, want the one whose service changed", woken)
	}
}

// TestWhoHangsUpIsForgotten: a reader that is gone takes nothing of the
// registry any more, a second later.
func TestWhoHangsUpIsForgotten(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	routines := fmt.Sprintf("consul.%s.runtime.num_goroutines", s.nodeName())
	before := s.gauge(routines)
	readers := make([]*reader, 200)
	for n := range readers {
		readers[n] = &reader{path: "/v1/catalog/services"}
	}
	s.wait(readers)
	for _, r := range readers {
		r.hangUp(s)
	}
	s.eventually(time.Second+slack, "nobody waits", func(context.Context) error {
		if waiting, now := s.gauge("consul.rpc.queries_blocking"), s.gauge(routines); waiting > 0 || now > before+10 {
			return fmt.Errorf("%d wait, and %d goroutines run after %d", waiting, now, before)
		}
		return nil
	})
}

// TestTenThousandWaitAtOnce: ten thousand wait over connections of their own,
// and one write answers them all.
func TestTenThousandWaitAtOnce(t *testing.T) {
	size := 10_000
	if raceDetector {
		size = 1_000 // it has eight thousand goroutines at most
	}
	s := newScene(t, registry.Agent(muster))
	readers := make([]*reader, size)
	for n := range readers {
		readers[n] = &reader{path: "/v1/health/service/awaited"}
	}
	s.wait(readers)
	if err := s.registry.Put(t.Context(), "/v1/agent/service/register", strings.NewReader(`{"Name":"awaited"}`)); err != nil {
		t.Fatal(err)
	}
	for _, r := range readers {
		if body := r.answer(s); !strings.Contains(body, "awaited") {
			t.Fatalf("a reader got %s", body)
		}
	}
	s.settles("consul.rpc.queries_blocking", 0)
}

// TestIndexRisesOverARestart: a registry that forgot everything goes on above
// every index that it gave out.
func TestIndexRisesOverARestart(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	paths := []string{"/v1/catalog/nodes", "/v1/catalog/services", "/v1/health/service/web", "/v1/health/state/any", "/v1/kv/a", "/v1/session/list"}
	highest := uint64(0)
	for n := range 100 {
		body := strings.NewReader(fmt.Sprintf(`{"Name":"web","ID":"web-%d"}`, n))
		if err := s.registry.Put(t.Context(), "/v1/agent/service/register", body); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range paths {
		highest = max(highest, s.index(path))
	}
	s.killRegistry()
	s.startRegistry()
	for _, path := range paths {
		if now := s.index(path); now <= highest {
			t.Errorf("%s is at %d after a restart, and was up to %d", path, now, highest)
		}
	}
}

// reader is somebody who waits on a connection of its own.
type reader struct {
	path string
	conn net.Conn // since it waits
}

// ask connects the reader, who asks at once: a registry cuts off who is silent.
func (r *reader) ask(s *scene, index uint64) (err error) {
	if r.conn, err = net.Dial("tcp", s.registry.Address()); err != nil {
		return err
	}
	s.Cleanup(func() { _ = r.conn.Close() }) // again, for most
	_, err = fmt.Fprintf(r.conn, "GET %s?wait=10m&index=%d HTTP/1.1\r\nHost: registry\r\n\r\n", r.path, index)
	return err
}

// wait lets the readers wait, and returns when the registry counts them all.
func (s *scene) wait(readers []*reader) {
	s.Helper()
	var group errgroup.Group
	group.SetLimit(50)
	indexes := map[string]uint64{}
	for _, r := range readers {
		index, known := indexes[r.path]
		if !known {
			index = s.index(r.path)
			indexes[r.path] = index
		}
		group.Go(func() error { return r.ask(s, index) }) // ends by itself; awaited below
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	s.settles("consul.rpc.queries_blocking", len(readers))
}

// answer waits for the reader's answer and returns its body.
func (r *reader) answer(s *scene) string {
	s.Helper()
	if err := r.conn.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
		s.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(r.conn), nil)
	if err != nil {
		s.Fatalf("%s: %v", r.path, err)
	}
	defer response.Body.Close()
	var body strings.Builder
	if err := response.Write(&body); err != nil {
		s.Fatal(err)
	}
	return body.String()
}

func (r *reader) hangUp(s *scene) {
	s.Helper()
	if err := r.conn.Close(); err != nil {
		s.Fatal(err)
	}
}

// index returns the index of the path's answer.
func (s *scene) index(path string) uint64 {
	s.Helper()
	got, err := get(s.Context(), http.DefaultClient, s.registry.URL(path))
	if err != nil {
		s.Fatal(err)
	}
	index, err := strconv.ParseUint(got.header.Get("X-Consul-Index"), 10, 64)
	if err != nil {
		s.Fatalf("%s: %v", path, err)
	}
	return index
}

// nodeName returns what the registry calls its node.
func (s *scene) nodeName() string {
	s.Helper()
	_, body, err := s.registry.Get(s.Context(), "/v1/catalog/nodes")
	if err != nil {
		s.Fatal(err)
	}
	var nodes []struct{ Node string }
	if err := json.Unmarshal(body, &nodes); err != nil || len(nodes) != 1 {
		s.Fatalf("got %s, %v", body, err)
	}
	return nodes[0].Node
}

// gauge returns one of the registry's own figures.
func (s *scene) gauge(name string) int {
	s.Helper()
	_, body, err := s.registry.Get(s.Context(), "/v1/agent/metrics")
	if err != nil {
		s.Fatal(err)
	}
	var metrics struct {
		Gauges []struct {
			Name  string
			Value float64
		}
	}
	if err := json.Unmarshal(body, &metrics); err != nil {
		s.Fatalf("got %s, %v", body, err)
	}
	for _, gauge := range metrics.Gauges {
		if gauge.Name == name {
			return int(gauge.Value)
		}
	}
	s.Fatalf("there is no gauge %s", name)
	return 0
}

// settles waits until one of the registry's figures is as wanted.
func (s *scene) settles(name string, want int) {
	s.Helper()
	s.eventually(startLimit, fmt.Sprintf("%s is %d", name, want), func(context.Context) error {
		if got := s.gauge(name); got != want {
			return fmt.Errorf("it is %d", got)
		}
		return nil
	})
}
