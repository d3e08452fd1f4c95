package agent_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// The tests here use Consul's own Go client for what it builds on top of the
// API: locks, semaphores, session renewal and transactions.

// TestElection lets contenders lead in turn, each until its session is
// destroyed under it: never are there two leaders, every leader has a higher
// fence than the one before, and all get their turn.
func TestElection(t *testing.T) {
	registry := agenttest.Start(t)
	client := registry.Client()
	const contenders, terms = 20, 15
	var leading atomic.Int32
	var fence, led atomic.Uint64
	over := make(chan struct{})
	var all sync.WaitGroup
	for n := range contenders {
		all.Go(func() {
			for {
				session, err := undelayed(client, fmt.Sprintf("contender-%d", n))
				if err != nil {
					t.Error(err)
					return
				}
				lock, err := client.LockOpts(&consul.LockOptions{Key: "leader", Session: session})
				if err != nil {
					t.Error(err)
					return
				}
				lost, err := lock.Lock(over)
				if err != nil {
					t.Error(err)
					return
				}
				if lost == nil {
					return // the story is over
				}
				if leading.Add(1) != 1 {
					t.Error("two lead at once")
				}
				entry, _, err := client.KV().Get("leader", nil)
				switch {
				case err != nil:
					t.Error(err)
				case entry == nil || entry.Session != session:
					t.Errorf("the leader's key is %+v, want it held by %s", entry, session)
				case entry.LockIndex <= fence.Load():
					t.Errorf("the fence fell from %d to %d", fence.Load(), entry.LockIndex)
				default:
					fence.Store(entry.LockIndex)
				}
				last := led.Add(1) == terms
				leading.Add(-1) // from here on another may lead
				if _, err := client.Session().Destroy(session, nil); err != nil {
					t.Error(err)
				}
				<-lost
				if last {
					close(over)
				}
				if led.Load() >= terms {
					return
				}
			}
		})
	}
	all.Wait()
}

// undelayed creates a session without a lock-delay, which Consul's client
// cannot ask for: it waits five seconds whenever it meets one.
func undelayed(client *consul.Client, name string) (string, error) {
	var created struct{ ID string }
	_, err := client.Raw().Write("/v1/session/create", map[string]string{"Name": name, "LockDelay": "0s", "TTL": "10s"}, &created, nil)
	return created.ID, err
}

func TestSemaphoreAdmitsItsLimit(t *testing.T) {
	client := agenttest.Start(t).Client()
	const limit, wanting = 3, 8
	var inside, most, served atomic.Int32
	var all sync.WaitGroup
	for range wanting {
		all.Go(func() {
			semaphore, err := client.SemaphoreOpts(&consul.SemaphoreOptions{Prefix: "sem", Limit: limit})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := semaphore.Acquire(nil); err != nil {
				t.Error(err)
				return
			}
			now := inside.Add(1)
			for {
				was := most.Load()
				if now <= was || most.CompareAndSwap(was, now) {
					break
				}
			}
			served.Add(1)
			inside.Add(-1)
			if err := semaphore.Release(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if served.Load() != wanting || most.Load() > limit {
		t.Errorf("%d of %d were served, %d at once; want all, and at most %d", served.Load(), wanting, most.Load(), limit)
	}
}

func TestTransactionIsWholeOrNothing(t *testing.T) {
	kv := agenttest.Start(t).Client().KV()
	ok, answer, _, err := kv.Txn(consul.KVTxnOps{
		{Verb: consul.KVSet, Key: "a", Value: []byte("1")},
		{Verb: consul.KVCAS, Key: "b", Value: []byte("2"), Index: 7},
	}, nil)
	if err != nil || ok || len(answer.Errors) != 1 || answer.Errors[0].OpIndex != 1 {
		t.Fatalf("got %t, %+v, %v; want that the second operation failed", ok, answer, err)
	}
	if entry, _, err := kv.Get("a", nil); err != nil || entry != nil {
		t.Errorf("a failed transaction left %+v, %v", entry, err)
	}
	ok, answer, _, err = kv.Txn(consul.KVTxnOps{
		{Verb: consul.KVSet, Key: "a", Value: []byte("1")},
		{Verb: consul.KVGet, Key: "a"},
	}, nil)
	if err != nil || !ok || len(answer.Results) != 2 || string(answer.Results[1].Value) != "1" {
		t.Errorf("got %t, %+v, %v; want both results", ok, answer, err)
	}
}

// TestPreparedQueries goes through the life of a query with Consul's client.
func TestPreparedQueries(t *testing.T) {
	client := agenttest.Start(t).Client()
	for _, id := range []string{"web-1", "web-2"} {
		if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", ID: id, Tags: []string{id}}); err != nil {
			t.Fatal(err)
		}
	}
	session, _, err := client.Session().Create(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	queries := client.PreparedQuery()
	definition := &consul.PreparedQueryDefinition{
		Name: "any-", Session: session, Template: consul.QueryTemplate{Type: "name_prefix_match", Regexp: "^any-(.+)$"},
		Service: consul.ServiceQuery{Service: "web", Tags: []string{"${match(1)}"}, Failover: consul.QueryFailoverOptions{NearestN: 2}},
		DNS:     consul.QueryDNSOptions{TTL: "10s"},
	}
	id, _, err := queries.Create(definition, nil)
	if err != nil {
		t.Fatal(err)
	}
	definition.ID, definition.Service.OnlyPassing = id, true
	if _, err := queries.Update(definition, nil); err != nil {
		t.Fatal(err)
	}
	got, meta, err := queries.Get(id, nil)
	if err != nil || len(got) != 1 || !got[0].Service.OnlyPassing || got[0].Session != session || meta.LastIndex == 0 {
		t.Fatalf("get: %+v, %+v, %v", got, meta, err)
	}
	answer, _, err := queries.Execute("any-web-2", nil)
	if err != nil || len(answer.Nodes) != 1 || answer.Nodes[0].Service.ID != "web-2" || answer.DNS.TTL != "10s" || answer.Service != "web" {
		t.Errorf("execute: %+v, %v", answer, err)
	}
	if all, _, err := queries.List(nil); err != nil || len(all) != 1 {
		t.Errorf("list: %+v, %v", all, err)
	}
	if _, err := client.Session().Destroy(session, nil); err != nil {
		t.Fatal(err)
	}
	if all, _, err := queries.List(nil); err != nil || len(all) != 0 {
		t.Errorf("after its session: %+v, %v", all, err)
	}
	if _, err := queries.Delete(id, nil); err == nil {
		t.Error("a query that is gone was deleted")
	}
}

// TestSnapshotOfAnotherAgent restores on one agent what another one saved: of
// the same name, as after a restart, or of another, as on another machine.
// Sessions and their locks live on where their node does.
func TestSnapshotOfAnotherAgent(t *testing.T) {
	for name, c := range map[string]struct {
		node string
		held bool
	}{"the same name": {"n1", true}, "another name": {"n2", false}} {
		t.Run(name, func(t *testing.T) {
			named := func(node string) *consul.Client {
				return agenttest.Start(t, func(c *agent.Config) { c.Node = node }).Client()
			}
			from, to := named("n1"), named(c.node)
			session, _, err := from.Session().Create(&consul.SessionEntry{LockDelay: time.Millisecond}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if held, _, err := from.KV().Acquire(&consul.KVPair{Key: "lock", Session: session}, nil); err != nil || !held {
				t.Fatalf("lock: %t, %v", held, err)
			}
			if err := from.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "there"}); err != nil {
				t.Fatal(err)
			}
			if err := to.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "here"}); err != nil {
				t.Fatal(err)
			}
			self, err := to.Agent().Self()
			if err != nil {
				t.Fatal(err)
			}

			file, _, err := from.Snapshot().Save(nil)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if err := to.Snapshot().Restore(nil, file); err != nil {
				t.Fatal(err)
			}
			nodes, _, err := to.Catalog().Nodes(nil)
			if err != nil || len(nodes) != 1 || nodes[0].Node != c.node || nodes[0].ID != self["Config"]["NodeID"] {
				t.Errorf("nodes: %+v, %v; want %s alone, as it is known there", nodes, err, c.node)
			}
			services, _, err := to.Catalog().Services(nil)
			if _, here := services["here"]; err != nil || len(services) != 2 || !here {
				t.Errorf("services: %v, %v; want consul and here", services, err)
			}
			entry, _, err := to.KV().Get("lock", nil)
			if err != nil || entry == nil || (entry.Session == session) != c.held {
				t.Errorf("the key is %+v, %v; want it held: %t", entry, err, c.held)
			}
		})
	}
}

// TestCatalogRemovalOfOwnServiceIsPutRight: who removes a service of the
// agent's from the catalog finds it there again.
func TestCatalogRemovalOfOwnServiceIsPutRight(t *testing.T) {
	client := agenttest.Start(t).Client()
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{
		Name: "web", Check: &consul.AgentServiceCheck{TTL: "1h", Status: "passing"},
	}); err != nil {
		t.Fatal(err)
	}
	self, err := client.Agent().NodeName()
	if err != nil {
		t.Fatal(err)
	}
	for _, removal := range []*consul.CatalogDeregistration{
		{Node: self, ServiceID: "web"}, {Node: self, CheckID: "service:web"}, {Node: self},
	} {
		if _, err := client.Catalog().Deregister(removal, nil); err != nil {
			t.Fatal(err)
		}
		found, _, err := client.Health().Service("web", "", true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || len(found[0].Checks) != 2 {
			t.Errorf("after removing %+v: got %d instances, want it back with its checks", *removal, len(found))
		}
	}
}

// TestCatalogChangeOfOwnServiceIsPutRight: the same for who changes it there.
func TestCatalogChangeOfOwnServiceIsPutRight(t *testing.T) {
	client := agenttest.Start(t).Client()
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{
		Name: "web", Port: 80, Check: &consul.AgentServiceCheck{TTL: "1h", Status: "passing"},
	}); err != nil {
		t.Fatal(err)
	}
	self, err := client.Agent().NodeName()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Catalog().Register(&consul.CatalogRegistration{
		Node: self, SkipNodeUpdate: true,
		Service: &consul.AgentService{ID: "web", Service: "web", Port: 81},
		Check:   &consul.AgentCheck{CheckID: "service:web", Name: "web", Status: "critical", ServiceID: "web"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	found, _, err := client.Health().Service("web", "", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Service.Port != 80 {
		t.Errorf("got %d passing instances, want the one that the agent announced", len(found))
	}
}
