package state

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

// write applies change and fails the test when it is refused.
func write(t *testing.T, s *Store, change func(*Writer) error) {
	t.Helper()
	if err := s.Write(change); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// aNode returns a store with one node, "n1".
func aNode(t *testing.T) *Store {
	t.Helper()
	s := New()
	write(t, s, func(w *Writer) error {
		w.PutNode(Node{Node: "n1", Address: "10.0.0.1"})
		return nil
	})
	return s
}

// put registers an instance with one check on n1.
func put(t *testing.T, s *Store, id, name string, status Status) {
	t.Helper()
	write(t, s, func(w *Writer) error {
		return errors.Join(
			w.PutService(Service{Node: "n1", ID: id, Service: name, Tags: []string{}}),
			w.PutCheck(Check{Node: "n1", CheckID: "service:" + id, Status: status, ServiceID: id}),
		)
	})
}

func changed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func TestTryIsWholeOrNothing(t *testing.T) {
	s := aNode(t)
	before := s.topics.index(Everything)
	err := s.Try(func(w *Writer) error {
		if err := w.PutService(Service{Node: "n1", ID: "a", Service: "a"}); err != nil {
			t.Errorf("put service: %v", err)
		}
		return w.PutService(Service{Node: "nowhere", ID: "b", Service: "b"})
	})
	if !errors.Is(err, ErrUnknownNode) {
		t.Errorf("got error %v, want %v", err, ErrUnknownNode)
	}
	if got := s.Snapshot().Service("n1", "a"); got != nil {
		t.Errorf("a refused write left %+v behind", got)
	}
	if got := s.topics.index(Everything); got != before {
		t.Errorf("a refused write moved the index from %d to %d", before, got)
	}
}

func TestIdenticalWriteChangesNothing(t *testing.T) {
	s := aNode(t)
	put(t, s, "web-1", "web", Passing)
	index := s.topics.index(Everything)
	_, _, watch := s.Look(ServiceHealth("web"))
	put(t, s, "web-1", "web", Passing)
	if got := s.topics.index(Everything); got != index {
		t.Errorf("index went from %d to %d", index, got)
	}
	if changed(watch) {
		t.Error("a reader was woken for nothing")
	}
}

// TestTouchedTopics pins which readers each kind of write wakes, and that it
// wakes no others.
func TestTouchedTopics(t *testing.T) {
	topics := []Topic{
		AllNodes, AllServices, ServiceInstances("web"), ServiceHealth("web"), ServiceHealth("db"),
		NodeServices("n1"), NodeChecks("n1"), ChecksIn(Passing), ChecksIn(Critical), ChecksIn(AnyStatus),
	}
	for _, tc := range []struct {
		name   string
		change func(*Writer) error
		want   []Topic
	}{
		{"another instance with the same tags", func(w *Writer) error {
			return w.PutService(Service{Node: "n1", ID: "web-2", Service: "web", Tags: []string{}})
		}, []Topic{AllServices, ServiceInstances("web"), ServiceHealth("web"), NodeServices("n1")}},
		{"a port", func(w *Writer) error {
			return w.PutService(Service{Node: "n1", ID: "web-1", Service: "web", Tags: []string{}, Port: 1})
		}, []Topic{ServiceInstances("web"), ServiceHealth("web"), NodeServices("n1")}},
		{"a service check", func(w *Writer) error {
			return w.PutCheck(Check{Node: "n1", CheckID: "service:web-1", Status: Critical, ServiceID: "web-1"})
		}, []Topic{ServiceHealth("web"), NodeChecks("n1"), ChecksIn(Passing), ChecksIn(Critical), ChecksIn(AnyStatus)}},
		{"a check's output", func(w *Writer) error {
			return w.PutCheck(Check{Node: "n1", CheckID: "service:web-1", Status: Passing, Output: "new", ServiceID: "web-1"})
		}, []Topic{ServiceHealth("web"), NodeChecks("n1"), ChecksIn(Passing), ChecksIn(AnyStatus)}},
		{"a node check", func(w *Writer) error {
			return w.PutCheck(Check{Node: "n1", CheckID: "disk", Status: Critical})
		}, []Topic{ServiceHealth("web"), ServiceHealth("db"), NodeChecks("n1"), ChecksIn(Critical), ChecksIn(AnyStatus)}},
		{"a node's address", func(w *Writer) error {
			w.PutNode(Node{Node: "n1", Address: "10.0.0.2"})
			return nil
		}, []Topic{AllNodes, ServiceInstances("web"), ServiceHealth("web"), ServiceHealth("db"), NodeServices("n1")}},
		{"a node's end", func(w *Writer) error { w.DeleteNode("n1"); return nil }, []Topic{
			AllNodes, AllServices, ServiceInstances("web"), ServiceHealth("web"), ServiceHealth("db"),
			NodeServices("n1"), NodeChecks("n1"), ChecksIn(Passing), ChecksIn(Critical), ChecksIn(AnyStatus),
		}},
		{"a new name", func(w *Writer) error {
			return w.PutService(Service{Node: "n1", ID: "web-1", Service: "db", Tags: []string{}})
		}, []Topic{
			AllServices, ServiceInstances("web"), ServiceHealth("web"), ServiceHealth("db"),
			NodeServices("n1"), NodeChecks("n1"), ChecksIn(Passing), ChecksIn(AnyStatus),
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := aNode(t)
			put(t, s, "web-1", "web", Passing)
			put(t, s, "db-1", "db", Critical)
			want := map[Topic]bool{}
			for _, topic := range tc.want {
				want[topic] = true
			}
			woken, before := map[Topic]<-chan struct{}{}, map[Topic]uint64{}
			for _, topic := range topics {
				_, before[topic], woken[topic] = s.Look(topic)
			}
			write(t, s, tc.change)
			for _, topic := range topics {
				if got := changed(woken[topic]); got != want[topic] {
					t.Errorf("%v: woken is %t, want %t", topic, got, want[topic])
				}
				if now := s.topics.index(topic); now > before[topic] != want[topic] {
					t.Errorf("%v: index went from %d to %d, want that it moved is %t", topic, before[topic], now, want[topic])
				}
			}
		})
	}
}

// TestIndexNeverFalls follows a service from absence to existence and back.
func TestIndexNeverFalls(t *testing.T) {
	s := aNode(t)
	var last uint64
	see := func(step string) {
		t.Helper()
		index := s.topics.index(ServiceHealth("web"))
		if index < last {
			t.Errorf("%s: index fell from %d to %d", step, last, index)
		}
		last = index
	}
	see("missing")
	put(t, s, "web-1", "web", Passing)
	see("registered")
	put(t, s, "other", "other", Passing)
	see("another service came")
	write(t, s, func(w *Writer) error { w.DeleteService("n1", "other"); return nil })
	see("another service went")
	write(t, s, func(w *Writer) error { w.DeleteService("n1", "web-1"); return nil })
	see("gone")
	put(t, s, "web-1", "web", Passing)
	see("back")
	write(t, s, func(w *Writer) error { w.DeleteNode("n1"); return nil })
	see("node gone")

	if restarted := New().topics.index(ServiceHealth("web")); restarted < last {
		t.Errorf("a restarted store is at %d, behind the %d it gave out", restarted, last)
	}
}

func TestMissingServiceWakesWhenItComes(t *testing.T) {
	s := aNode(t)
	_, _, watch := s.Look(ServiceHealth("web"))
	put(t, s, "web-1", "WEB", Passing)
	if !changed(watch) {
		t.Error("the reader of a missing service was not woken by its first instance")
	}
	if got := s.Snapshot().Instances("web"); len(got) != 1 {
		t.Errorf("got %d instances of web, want 1: names differ only in case", len(got))
	}
}

func TestInstancesCarryNodeAndServiceChecks(t *testing.T) {
	s := aNode(t)
	put(t, s, "web-1", "web", Passing)
	put(t, s, "web-2", "web", Critical)
	write(t, s, func(w *Writer) error {
		return w.PutCheck(Check{Node: "n1", CheckID: "disk", Status: Warning})
	})
	got := s.Snapshot().Instances("web")
	if len(got) != 2 {
		t.Fatalf("got %d instances, want 2", len(got))
	}
	for n, want := range []struct {
		id     string
		checks []string
		status Status
	}{
		{"web-1", []string{"disk", "service:web-1"}, Warning},
		{"web-2", []string{"disk", "service:web-2"}, Critical},
	} {
		var checks []string
		for _, check := range got[n].Checks {
			checks = append(checks, check.CheckID)
		}
		if got[n].Service.ID != want.id || len(checks) != 2 || checks[0] != want.checks[0] || checks[1] != want.checks[1] {
			t.Errorf("instance %d: got %s with checks %v, want %s with %v", n, got[n].Service.ID, checks, want.id, want.checks)
		}
		if status := Worst(got[n].Checks); status != want.status {
			t.Errorf("%s: got status %s, want %s", want.id, status, want.status)
		}
	}
}

func TestChecksFollowTheirService(t *testing.T) {
	s := aNode(t)
	put(t, s, "web-1", "web", Passing)
	write(t, s, func(w *Writer) error {
		return w.PutService(Service{Node: "n1", ID: "web-1", Service: "site", Tags: []string{"blue"}})
	})
	check := s.Snapshot().Check("n1", "service:web-1")
	if check.ServiceName != "site" || len(check.ServiceTags) != 1 {
		t.Errorf("got %q %v, want the service's new name and tags", check.ServiceName, check.ServiceTags)
	}
	if got := s.Snapshot().ChecksFor("web"); len(got) != 0 {
		t.Errorf("the old name still has %d checks", len(got))
	}
	write(t, s, func(w *Writer) error { w.DeleteService("n1", "web-1"); return nil })
	if got := s.Snapshot().ChecksOn("n1"); len(got) != 0 {
		t.Errorf("%d checks outlived their service", len(got))
	}
}

func TestCheckNeedsItsService(t *testing.T) {
	s := aNode(t)
	err := s.Write(func(w *Writer) error {
		return w.PutCheck(Check{Node: "n1", CheckID: "c", Status: Passing, ServiceID: "none"})
	})
	if want := (UnknownService{"none", "c"}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestWorst(t *testing.T) {
	for _, tc := range []struct {
		name   string
		checks []*Check
		want   Status
	}{
		{"no checks", nil, Passing},
		{"warning beats passing", []*Check{{Status: Passing}, {Status: Warning}}, Warning},
		{"critical beats warning", []*Check{{Status: Critical}, {Status: Warning}}, Critical},
		{"service maintenance beats critical", []*Check{{Status: Critical}, {Status: Critical, CheckID: ServiceMaintenancePrefix + "x"}}, Maintenance},
		{"node maintenance", []*Check{{Status: Critical, CheckID: NodeMaintenance}}, Maintenance},
	} {
		if got := Worst(tc.checks); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

// TestLookIsNeverOlderThanItsIndex runs readers beside a writer: an answer may
// be newer than the index that goes with it, but a change that the index
// counts is in it, and every change closes the channel.
func TestLookIsNeverOlderThanItsIndex(t *testing.T) {
	s := aNode(t)
	put(t, s, "web-1", "web", Passing)
	const writes = 2000
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for port := 0; port < writes; {
				snapshot, index, changed := s.Look(ServiceHealth("web"))
				svc := snapshot.Service("n1", "web-1")
				if svc.ModifyIndex < index {
					t.Errorf("the answer at %d holds a service of %d", index, svc.ModifyIndex)
					return
				}
				if port = svc.Port; port < writes {
					<-changed // or the last change was missed, and this hangs
				}
			}
		})
	}
	for port := 1; port <= writes; port++ {
		write(t, s, func(w *Writer) error {
			return w.PutService(Service{Node: "n1", ID: "web-1", Service: "web", Tags: []string{}, Port: port})
		})
	}
	readers.Wait()
}

func TestQuestionsAboutWhatIsNotThereCostNoMemory(t *testing.T) {
	s := New()
	before := len(s.topics.rows)
	for n := range 10_000 {
		s.Look(ServiceHealth(fmt.Sprintf("none-%d", n)))
	}
	if got := len(s.topics.rows); got != before {
		t.Errorf("%d topics are kept, want the %d that there were", got, before)
	}
}

// TestWritesTogether runs many writers at once, some of which fail: each has
// its own index, sees those before it, and leaves all or nothing.
func TestWritesTogether(t *testing.T) {
	s := aNode(t)
	put(t, s, "counter", "counter", Passing)
	const writers, each = 16, 50
	failed := errors.New("failed")
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for range each {
				count := func(w *Writer) error {
					svc := *w.Service("n1", "counter")
					svc.Port++
					return w.PutService(svc)
				}
				if err := s.Write(count); err != nil {
					t.Error(err)
				}
				if n%4 != 0 {
					continue
				}
				if err := s.Write(func(*Writer) error { return failed }); err != failed {
					t.Errorf("got %v, want the write's own error", err)
				}
				if err := s.Try(func(w *Writer) error { return errors.Join(count(w), failed) }); !errors.Is(err, failed) {
					t.Errorf("got %v, want the trial's own error", err)
				}
			}
		})
	}
	before := s.topics.index(Everything)
	all.Wait()
	if got := s.Snapshot().Service("n1", "counter").Port; got != writers*each {
		t.Errorf("counted %d, want %d", got, writers*each)
	}
	if got := s.topics.index(Everything) - before; got > writers*each {
		t.Errorf("the index moved by %d for at most %d writes", got, writers*each)
	}
}
