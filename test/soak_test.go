package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// soakFor is how long the full story takes; a short one is told without it.
var soakFor = flag.Duration("soak", 0, "how long everything in a registry comes and goes")

// TestSoak: whatever comes and goes leaves nothing behind: no memory, no
// goroutine, no descriptor.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	s.put("/v1/agent/service/register", `{"Name":"stays","Address":"10.0.0.1","Port":80}`)
	rounds := s.churn(0, func(rounds int) bool { return rounds < 200 }) // whatever is made once is there
	before := s.holds()
	began := time.Now()
	rounds = s.churn(rounds, func(rounds int) bool {
		if *soakFor > 0 {
			return time.Since(began) < *soakFor
		}
		return rounds < 800
	})
	var after holding
	s.eventually(time.Minute, "goroutines and descriptors are as many as before", func(context.Context) error {
		if after = s.holds(); after.goroutines > before.goroutines || after.files > before.files {
			return fmt.Errorf("before %+v, now %+v", before, after)
		}
		return nil
	})
	t.Logf("%d rounds in %.0f s: before %+v, after %+v", rounds, time.Since(began).Seconds(), before, after)
	// What a round registers takes some KiB: if a tenth of that stayed, even the
	// short story would tell.
	if grown := after.heap - before.heap; grown > 1<<20 {
		t.Errorf("after %d rounds it holds %d bytes more", rounds, grown)
	}
}

// holding is what a process holds on to.
type holding struct {
	heap              int64 // bytes
	goroutines, files int
}

var goroutines = regexp.MustCompile(`goroutine profile: total ([0-9]+)`)

// holds returns what the registry holds on to. Where the system does not tell
// of files there are none.
func (s *scene) holds() holding {
	s.Helper()
	h := holding{heap: s.heap()}
	_, text, err := s.registry.Get(s.Context(), "/debug/pprof/goroutine?debug=1")
	found := goroutines.FindSubmatch(text)
	if err != nil || found == nil {
		s.Fatalf("the profile of goroutines: %v\n%s", err, text)
	}
	if h.goroutines, err = strconv.Atoi(string(found[1])); err != nil {
		s.Fatal(err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.registry.Program().PID()))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	h.files = len(files)
	return h
}

// churn plays rounds while it should, several at a time, and returns how many
// there were, those before among them.
func (s *scene) churn(rounds int, more func(rounds int) bool) int {
	s.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	const atOnce = 8
	var group errgroup.Group
	group.SetLimit(atOnce)
	ctx, cancel := context.WithCancelCause(s.Context())
	defer cancel(nil)
	for ctx.Err() == nil && more(rounds) {
		n := rounds
		group.Go(func() error { // ends by itself, or with the context; awaited below
			err := s.round(ctx, client, n)
			if err != nil {
				cancel(err) // the first counts: others end with it
			}
			return err
		})
		rounds++
	}
	if group.Wait() != nil {
		s.Fatal(context.Cause(ctx))
	}
	return rounds
}

// round is one instance's life, and those of its neighbours who look at it.
// Names come again, and nothing else does.
func (s *scene) round(ctx context.Context, client *http.Client, n int) error {
	name, id := fmt.Sprint("churn-", n%32), fmt.Sprint("churn-", n)
	do := func(ctx context.Context, method, path, body string) (reply, error) {
		request, err := http.NewRequestWithContext(ctx, method, s.registry.URL(path), strings.NewReader(body))
		if err != nil {
			return reply{}, err
		}
		for {
			got, err := send(client, request)
			if err != nil || got.status == http.StatusOK {
				return got, err
			}
			// Beside all other stories the machine may be too busy: then nothing was
			// done, and the answer says when to ask again. See TestOverload.
			if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
				return got, fmt.Errorf("%s %s: %v", method, path, got)
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return got, ctx.Err()
			}
			if request.Body, err = request.GetBody(); err != nil {
				return got, err
			}
		}
	}
	put := func(path, body string) error {
		_, err := do(ctx, http.MethodPut, path, body)
		return err
	}
	if err := put("/v1/agent/service/register", fmt.Sprintf(
		`{"Name":%q,"ID":%q,"Address":"10.0.0.2","Port":80,"Tags":["v%d"],"Check":{"TTL":"1h","Status":"passing"}}`, name, id, n)); err != nil {
		return err
	}
	of := "/v1/health/service/" + name + "?wait=1m"
	known, err := do(ctx, http.MethodGet, of, "")
	if err != nil {
		return err
	}
	waiting := make(chan error, 1)
	go func() { // ends with the change, or with ctx; awaited below
		got, err := do(ctx, http.MethodGet, of+"&index="+known.header.Get("X-Consul-Index"), "")
		if err == nil && got.body == known.body {
			err = fmt.Errorf("a change of %s was not told", id)
		}
		waiting <- err
	}()
	stays, err := do(ctx, http.MethodGet, "/v1/health/service/stays", "")
	if err != nil {
		return err
	}
	gone, leave := context.WithCancel(ctx)
	left := make(chan error, 1)
	go func() { // waits for nothing, and goes away; awaited below
		_, err := do(gone, http.MethodGet, "/v1/health/service/stays?wait=1m&index="+stays.header.Get("X-Consul-Index"), "")
		left <- err
	}()
	if err := put("/v1/agent/check/fail/service:"+id, "it is not well"); err != nil {
		leave()
		return err
	}
	err = <-waiting
	leave()
	if !errors.Is(<-left, context.Canceled) {
		err = errors.Join(err, errors.New("who waits for nothing was answered"))
	}
	if err != nil {
		return err
	}
	question := new(dns.Msg).SetQuestion("stays.service.consul.", dns.TypeSRV)
	if _, _, err := (&dns.Client{Net: []string{"udp", "tcp"}[n%2], Timeout: time.Minute}).Exchange(question, s.registry.DNSAddress()); err != nil {
		return err
	}
	if err := put("/v1/kv/"+id, "x"); err != nil {
		return err
	}
	if _, err := do(ctx, http.MethodDelete, "/v1/kv/"+id, ""); err != nil {
		return err
	}
	return put("/v1/agent/service/deregister/"+id, "")
}
