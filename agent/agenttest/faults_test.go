package agenttest_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// seen is what became of a request.
type seen struct {
	instances int
	index     uint64
	err       error
	took      time.Duration
}

// ask asks for the instances of web, and gives up after a minute.
func ask(t *testing.T, client *consul.Client, index uint64) seen {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	entries, meta, err := client.Health().Service("web", "", true, (&consul.QueryOptions{WaitIndex: index, WaitTime: 10 * time.Minute}).WithContext(ctx))
	got := seen{instances: len(entries), err: err, took: time.Since(began)}
	if err == nil {
		got.index = meta.LastIndex
	}
	return got
}

func register(t *testing.T, registry *agenttest.Agent) {
	t.Helper()
	if err := registry.Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web"}); err != nil {
		t.Fatal(err)
	}
}

// TestFaults shows what clients see of each fault: who asks while it is in
// force, who waits when it begins, and who waits when it ends.
func TestFaults(t *testing.T) {
	failed := func(text string) func(seen) bool {
		return func(s seen) bool { return s.err != nil && strings.Contains(s.err.Error(), text) && s.took == 0 }
	}
	empty := func(s seen) bool { return s.err == nil && s.instances == 0 && s.took == 0 }
	silent := func(s seen) bool { return errors.Is(s.err, context.DeadlineExceeded) && s.took == time.Minute }
	for name, tc := range map[string]struct {
		fault        agenttest.Fault
		asks, waited func(seen) bool
	}{
		"down":   {agenttest.Down, failed("connection refused"), failed("")},
		"hang":   {agenttest.Hang, silent, silent},
		"slow":   {agenttest.Slow(time.Second), func(s seen) bool { return s.instances == 1 && s.took == time.Second }, silent},
		"500":    {agenttest.Status(500), failed("Unexpected response code: 500"), failed("Unexpected response code: 500")},
		"429":    {agenttest.Busy(429, time.Second), failed("Unexpected response code: 429"), failed("Unexpected response code: 429")},
		"empty":  {agenttest.Empty, empty, empty},
		"silent": {agenttest.Slow(time.Hour), silent, silent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := agenttest.Start(t, agenttest.InMemory)
				register(t, registry)
				client := registry.ClientFor("one")
				before := ask(t, client, 0)
				waiting := make(chan seen)
				go func() { waiting <- ask(t, client, before.index) }() // ends after a minute at the latest; awaited below
				synctest.Wait()
				heal := registry.Fail(tc.fault, "other", "one")
				if got := <-waiting; !tc.waited(got) {
					t.Errorf("who waits when it begins: got %+v", got)
				}
				if got := ask(t, client, 0); !tc.asks(got) {
					t.Errorf("who asks: got %+v", got)
				}
				if got := ask(t, registry.Client(), 0); got.instances != 1 || got.took != 0 {
					t.Errorf("who is not concerned: got %+v, want one instance at once", got)
				}
				heal()
				heal()
				if got := ask(t, client, 0); got.instances != 1 || got.index != before.index || got.took != 0 {
					t.Errorf("healed: got %+v, want one instance at once and index %d", got, before.index)
				}
			})
		})
	}
}

// TestAnEmptyListCanBeWaitedFor: the empty list has an index that blocks, and
// the end of the fault is a change.
func TestAnEmptyListCanBeWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := agenttest.Start(t, agenttest.InMemory)
		register(t, registry)
		before := ask(t, registry.Client(), 0)
		heal := registry.Fail(agenttest.Empty)
		empty := ask(t, registry.Client(), before.index)
		if empty.instances != 0 || empty.index != before.index+1 || empty.took != 0 {
			t.Fatalf("got %+v, want an empty list at once and index %d", empty, before.index+1)
		}
		time.AfterFunc(5*time.Second, heal)
		if got := ask(t, registry.Client(), empty.index); got.instances != 1 || got.index != before.index || got.took != 5*time.Second {
			t.Errorf("got %+v, want one instance after 5s and index %d", got, before.index)
		}
	})
}

// TestFaultsTogether: the strongest is seen, and the others when it ends.
func TestFaultsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := agenttest.Start(t, agenttest.InMemory)
		registry.Fail(agenttest.Slow(time.Second))
		registry.Fail(agenttest.Status(500))
		registry.Fail(agenttest.Status(503))
		heal := registry.Fail(agenttest.Down)
		if got := ask(t, registry.Client(), 0); got.err == nil || got.took != 0 {
			t.Errorf("down: got %+v", got)
		}
		heal()
		if got := ask(t, registry.Client(), 0); got.err == nil || !strings.Contains(got.err.Error(), "503") || got.took != time.Second {
			t.Errorf("got %+v, want 503 after 1s", got)
		}
		registry.Heal()
		if got := ask(t, registry.Client(), 0); got.err != nil || got.took != 0 {
			t.Errorf("healed: got %+v", got)
		}
	})
}

// TestNothingIsDoneOfWhatFails: a registry that answers 500 has not registered.
func TestNothingIsDoneOfWhatFails(t *testing.T) {
	registry := agenttest.Start(t)
	heal := registry.Fail(agenttest.Status(500))
	if err := registry.Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web"}); err == nil {
		t.Error("a registration was accepted")
	}
	heal()
	if got := ask(t, registry.Client(), 0); got.instances != 0 || got.err != nil {
		t.Errorf("got %+v, want no instance", got)
	}
}

// TestRetryAfter is told in whole seconds, rounded up.
func TestRetryAfter(t *testing.T) {
	registry := agenttest.Start(t)
	registry.Fail(agenttest.Busy(http.StatusServiceUnavailable, 1500*time.Millisecond))
	response, err := http.Get("http://" + registry.Addr + "/v1/status/leader")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if got := response.Header.Get("Retry-After"); response.StatusCode != 503 || got != "2" {
		t.Errorf("got %d and Retry-After %q, want 503 and 2", response.StatusCode, got)
	}
}

// TestAgainAtTheSameAddress: over real connections, all of them are cut, those
// that wait too, and the addresses stay.
func TestAgainAtTheSameAddress(t *testing.T) {
	folder := t.TempDir()
	for name, tc := range map[string]struct {
		adjust func(*agent.Config)
		end    func(*agenttest.Agent)
		begin  func(*agenttest.Agent)
		kept   bool
		falls  bool // the index
	}{
		"down":           {end: func(a *agenttest.Agent) { a.Fail(agenttest.Down) }, begin: (*agenttest.Agent).Heal, kept: true},
		"killed":         {end: (*agenttest.Agent).Kill, begin: (*agenttest.Agent).Restart},
		"killed on disk": {adjust: func(c *agent.Config) { c.DataDir = folder }, end: (*agenttest.Agent).Kill, begin: (*agenttest.Agent).Restart, kept: true},
		"reset":          {end: (*agenttest.Agent).Kill, begin: (*agenttest.Agent).Reset, falls: true},
	} {
		t.Run(name, func(t *testing.T) {
			registry := agenttest.Start(t, func(c *agent.Config) {
				if tc.adjust != nil {
					tc.adjust(c)
				}
			})
			register(t, registry)
			client := registry.ClientFor("one")
			address, dns := registry.AddrFor("one"), registry.DNSAddr
			if address == registry.Addr {
				t.Fatalf("both clients come by %s", address)
			}
			before := ask(t, client, 0)
			waiting := make(chan seen)
			go func() { waiting <- ask(t, client, before.index) }() // ends with the connection; awaited below
			tc.end(registry)
			if got := <-waiting; got.err == nil {
				t.Errorf("who waits got an answer: %+v", got)
			}
			if got := ask(t, client, 0); got.err == nil {
				t.Errorf("meanwhile: got %+v, want an error", got)
			}
			tc.begin(registry)
			got := ask(t, client, before.index+1) // who is ahead is not left waiting
			if got.err != nil || got.instances == 1 != tc.kept || got.index < 1 {
				t.Errorf("again: got %+v", got)
			}
			if falls := got.index < before.index; falls != tc.falls {
				t.Errorf("the index went from %d to %d", before.index, got.index)
			}
			if registry.AddrFor("one") != address || registry.DNSAddr != dns {
				t.Error("the addresses changed")
			}
			if tc.falls { // and goes on from there
				register(t, registry)
				if next := ask(t, client, got.index); next.instances != 1 || next.index <= got.index || next.index > before.index {
					t.Errorf("after index %d: got %+v", got.index, next)
				}
			}
		})
	}
}

// A registry is started again while others ask for addresses.
func TestRestartBesideNewClients(t *testing.T) {
	registry := agenttest.Start(t)
	var asking sync.WaitGroup
	asking.Go(func() { // ends by itself
		for n := range 20 {
			registry.AddrFor(strconv.Itoa(n))
		}
	})
	registry.Restart()
	asking.Wait()
}
