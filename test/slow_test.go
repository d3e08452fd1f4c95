package test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// idle is how many connections there are of which nothing is heard.
var idle = flag.Int("idle", 500, "how many idle connections TestSlowClients opens")

// slowLimit is how long slow clients may be borne with, on a slow machine.
const slowLimit = 3 * time.Minute

// TestSlowClients: clients that send or read a byte a second, or nothing at all,
// hold up nobody, and are cut off before long. Who waits for a change is not.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	for n := range 16 { // 11 MB as an answer, more than a system keeps for a connection
		s.put(fmt.Sprintf("/v1/kv/large/%d", n), strings.Repeat("x", 512<<10))
	}
	s.put("/v1/agent/service/register", `{"Name":"web","Check":{"TTL":"1h","Status":"passing"}}`)
	known, err := get(t.Context(), http.DefaultClient, s.registry.URL("/v1/health/service/web"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.registry.Get(t.Context(), "/v1/kv/large?recurse"); err != nil { // it is there from now on
		t.Fatal(err)
	}
	before := s.holds()

	patient := make(chan reply, 1)
	go func() { // ends with the change below, where it is awaited
		got, err := get(t.Context(), http.DefaultClient, s.registry.URL("/v1/health/service/web?wait=10m&index="+known.header.Get("X-Consul-Index")))
		if err != nil {
			t.Error(err)
		}
		patient <- got
	}()
	for n := range *idle {
		s.speaker(n, "")
	}
	const (
		end  = "Host: r\r\n\r\n"
		body = "Host: r\r\nContent-Length: 1000\r\n\r\n"
		// There is always something to log: others ask.
		streams = "GET /v1/agent/monitor?loglevel=trace HTTP/1.1\r\n" + end
	)
	over, stop := context.WithCancel(t.Context())
	defer stop()
	for _, kind := range []struct {
		says  string
		reads bool
	}{
		{"GET /v1/status/leader HTTP/1.1\r\nHost: r", false},
		{"PUT /v1/kv/slow HTTP/1.1\r\n" + body, false},
		{"GET /v1/status/leader HTTP/1.1\r\n" + body, false},
		{"GET /nowhere HTTP/1.1\r\n" + body, false},
		{"GET /v1/kv/large?recurse HTTP/1.1\r\n" + end, true},
		{strings.Repeat("GET /v1/kv/large?recurse HTTP/1.1\r\n"+end, 20), true},
	} {
		for n := range 10 {
			conn := s.speaker(n, kind.says)
			go trickle(over, conn, kind.reads) // ends with over; nobody needs to wait for it
		}
	}
	for n := range 10 {
		s.speaker(n, streams)
	}
	var others errgroup.Group
	for range 4 {
		others.Go(func() error { // ends when the slow ones have; awaited below
			for over.Err() == nil {
				if err := s.registry.Put(t.Context(), "/v1/agent/check/pass/service:web", http.NoBody); err != nil {
					return err
				}
				if _, _, err := s.registry.Get(t.Context(), "/v1/health/service/web"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// The streams may stay, beside those who wait and the others: each has two
	// goroutines at most.
	var after holding
	s.eventually(slowLimit, "slow clients were cut off", func(context.Context) error {
		if after = s.holds(); after.goroutines > before.goroutines+40 {
			return fmt.Errorf("before %+v, now %+v", before, after)
		}
		return nil
	})
	stop()
	if err := others.Wait(); err != nil {
		t.Errorf("others: %v", err)
	}
	t.Logf("before %+v, after %+v; %d MiB resident at most, with %d idle connections", before, after, s.memory("VmHWM")>>20, *idle)
	// Answers are shared by who reads them.
	if grown := after.heap - before.heap; grown > 16<<20 {
		t.Errorf("it holds %d bytes more", grown)
	}
	s.put("/v1/agent/check/fail/service:web", "")
	if got := <-patient; got.status != http.StatusOK || !strings.Contains(got.body, "critical") {
		t.Errorf("who waited for a change was answered %v", got)
	}
}

// TestSlowReadersOfLargeAnswers: each that reads nothing has asked for an answer
// that is superseded before the next one asks. Most of them give way, and who
// reads has the answer as ever.
func TestSlowReadersOfLargeAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	const (
		readers = 40
		path    = "/v1/kv/large?recurse"
		room    = 256 << 20 // what such answers have in all
	)
	for n := range 16 { // an answer of 11 MB, as above: all of them would be 450 MB
		s.put(fmt.Sprintf("/v1/kv/large/%d", n), strings.Repeat("x", 512<<10))
	}
	before := s.holds()
	for n := range readers {
		s.put("/v1/kv/large/changes", fmt.Sprint(n))
		conn := s.speaker(n, "GET "+path+" HTTP/1.1\r\nHost: r\r\n\r\n")
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil { // the answer is there
			t.Fatal(err)
		}
	}
	after := s.holds()
	t.Logf("before %+v, after %+v, %d MiB resident at most", before, after, s.memory("VmHWM")>>20)
	if grown := after.heap - before.heap; grown > room+64<<20 {
		t.Errorf("it holds %d MiB more", grown>>20)
	}
	s.put("/v1/kv/large/changes", "the last")
	s.eventually(slowLimit, "there is room for who reads", func(ctx context.Context) error {
		status, body, err := s.registry.Get(ctx, path)
		if err == nil && (status != http.StatusOK || len(body) < 8<<20) {
			err = fmt.Errorf("status %d, %d bytes", status, len(body))
		}
		return err
	})
}

// speaker opens a connection to the registry, which ends with the story, and
// says something. Where many are opened they come from several addresses.
func (s *scene) speaker(n int, says string) net.Conn {
	s.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+n/10_000))}}
	if n < 10_000 {
		dialer.LocalAddr = nil // not every system has the others
	}
	conn, err := dialer.DialContext(s.Context(), "tcp", s.registry.Address())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	if tcp, is := conn.(*net.TCPConn); is && says != "" {
		_ = tcp.SetReadBuffer(4 << 10) // what is not read waits in the registry; it is only a wish
	}
	if _, err := io.WriteString(conn, says); err != nil {
		s.Fatal(err)
	}
	return conn
}

// trickle sends or reads a byte a second, until ctx ends or the connection is
// closed.
func trickle(ctx context.Context, conn net.Conn, reads bool) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for one := []byte("x"); ; {
		move := conn.Write
		if reads {
			move = conn.Read
		}
		if _, err := move(one); err != nil {
			return // it was closed
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
