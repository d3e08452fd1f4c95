package state

import (
	"testing"

	"github.com/realjf/muster/agent/mesh"
)

// proxy announces a proxy that stands before a service.
func proxy(t *testing.T, s *Store, id, destination string) {
	t.Helper()
	write(t, s, func(w *Writer) error {
		return w.PutService(Service{
			Node: "n1", ID: id, Service: id, Kind: mesh.ConnectProxy, Proxy: &mesh.Proxy{DestinationServiceName: destination},
		})
	})
}

func TestMeshInstances(t *testing.T) {
	s := aNode(t)
	write(t, s, func(w *Writer) error {
		return w.PutService(Service{Node: "n1", ID: "native", Service: "web", Connect: Connect{Native: true}})
	})
	put(t, s, "plain", "web", Passing)
	proxy(t, s, "a", "Web")
	proxy(t, s, "b", "other")
	var got []string
	for _, instance := range s.Snapshot().MeshInstances("web") {
		got = append(got, instance.Service.ID)
	}
	if len(got) != 2 || got[0] != "a" || got[1] != "native" {
		t.Errorf("got %v, want the proxy and the native instance", got)
	}
}

func TestMeshTopic(t *testing.T) {
	s := aNode(t)
	touches := func(what string, want bool, change func()) {
		t.Helper()
		_, before, ch := s.Look(MeshHealth("web"))
		change()
		_, after, _ := s.Look(MeshHealth("web"))
		if changed(ch) != want || (after > before) != want {
			t.Errorf("%s: changed %t from %d to %d, want a change %t", what, changed(ch), before, after, want)
		}
	}
	touches("a proxy comes", true, func() { proxy(t, s, "a", "web") })
	touches("the same again", false, func() { proxy(t, s, "a", "web") })
	touches("another comes", true, func() { proxy(t, s, "b", "web") })
	touches("its check", true, func() {
		write(t, s, func(w *Writer) error {
			return w.PutCheck(Check{Node: "n1", CheckID: "c", ServiceID: "a", Status: Critical})
		})
	})
	touches("the node's check", true, func() {
		write(t, s, func(w *Writer) error { return w.PutCheck(Check{Node: "n1", CheckID: "n", Status: Critical}) })
	})
	touches("one stands before somebody else", true, func() { proxy(t, s, "b", "db") })
	touches("that one changes", false, func() { proxy(t, s, "b", "cache") })
	touches("the last one goes", true, func() {
		write(t, s, func(w *Writer) error { w.DeleteService("n1", "a"); return nil })
	})
}

func TestVirtualAddresses(t *testing.T) {
	s := aNode(t)
	address := func(id string) string { return s.Snapshot().Service("n1", id).TaggedAddresses[VirtualTag].Address }
	put(t, s, "web", "web", Passing)
	proxy(t, s, "a", "web")
	proxy(t, s, "b", "db")
	proxy(t, s, "c", "WEB")
	if address("a") != "240.0.0.1" || address("b") != "240.0.0.2" || address("c") != "240.0.0.1" {
		t.Errorf("got %s, %s and %s; want one for each service", address("a"), address("b"), address("c"))
	}
	if _, has := s.Snapshot().Service("n1", "web").TaggedAddresses[VirtualTag]; has {
		t.Error("a service outside of the mesh has a virtual address")
	}
	write(t, s, func(w *Writer) error { w.DeleteService("n1", "web"); return nil })
	proxy(t, s, "d", "next")
	proxy(t, s, "e", "after")
	if address("d") != "240.0.0.1" || address("e") != "240.0.0.3" {
		t.Errorf("got %s and %s, want the address that was given back, then a new one", address("d"), address("e"))
	}
}
