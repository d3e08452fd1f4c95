package state

import (
	"reflect"
	"testing"

	"github.com/realjf/muster/agent/mesh"
)

func TestConfigEntries(t *testing.T) {
	s := aNode(t)
	id := mesh.EntryID{Kind: mesh.ServiceDefaults, Name: "Web"}
	defaults := func(protocol string) mesh.Entry {
		return &mesh.ServiceConfigEntry{Kind: mesh.ServiceDefaults, Name: "web", Protocol: protocol}
	}
	store := func(e mesh.Entry) { write(t, s, func(w *Writer) error { return w.PutConfigEntry(e) }) }

	_, _, ch := s.Look(AllConfigEntries)
	store(defaults("http"))
	if !changed(ch) {
		t.Error("an entry came, and nobody was told")
	}
	created := *s.Snapshot().ConfigEntry(id).Stored()
	_, _, ch = s.Look(AllConfigEntries)
	store(defaults("http"))
	if again := *s.Snapshot().ConfigEntry(id).Stored(); again != created || changed(ch) {
		t.Errorf("the same entry again: got %+v, want %+v and nobody told", again, created)
	}
	store(defaults("grpc"))
	if next := *s.Snapshot().ConfigEntry(id).Stored(); next.CreateIndex != created.CreateIndex || next.ModifyIndex <= created.ModifyIndex {
		t.Errorf("another entry: got %+v after %+v", next, created)
	}
	if n := len(s.Snapshot().ConfigEntries(mesh.ServiceDefaults)); n != 1 {
		t.Errorf("got %d entries, want 1", n)
	}
	if n := len(s.Snapshot().ConfigEntries(mesh.ServiceRouter)); n != 0 {
		t.Errorf("got %d entries of another kind, want none", n)
	}
	write(t, s, func(w *Writer) error { w.DeleteConfigEntry(id); return nil })
	if s.Snapshot().ConfigEntry(id) != nil || len(s.Snapshot().ConfigEntries("")) != 0 {
		t.Error("the entry is still there")
	}
}

// What is configured of a service keeps its virtual address, be there
// instances or not.
func TestConfigEntriesKeepVirtualAddresses(t *testing.T) {
	s := aNode(t)
	router := &mesh.ServiceRouterConfigEntry{Name: "web"}
	write(t, s, func(w *Writer) error { return w.PutConfigEntry(router) })
	if got := s.Snapshot().VirtualAddress("web"); got != "240.0.0.1" {
		t.Errorf("got %q, want an address", got)
	}
	put(t, s, "web", "web", Passing)
	write(t, s, func(w *Writer) error { w.DeleteService("n1", "web"); return nil })
	if s.Snapshot().VirtualAddress("web") == "" {
		t.Error("the last instance took the address along")
	}
	put(t, s, "web", "web", Passing)
	write(t, s, func(w *Writer) error { w.DeleteConfigEntry(router.ID()); return nil })
	if s.Snapshot().VirtualAddress("web") == "" {
		t.Error("the entry took the address of an instance along")
	}
	write(t, s, func(w *Writer) error { w.DeleteService("n1", "web"); return nil })
	if got := s.Snapshot().VirtualAddress("web"); got != "" {
		t.Errorf("got %s of a service that is gone", got)
	}
}

// What is saved of entries comes back as it was, those parts included that are
// shown in another way.
func TestConfigEntriesAreSaved(t *testing.T) {
	s := aNode(t)
	for _, raw := range []map[string]any{
		{"Kind": "proxy-defaults", "Config": map[string]any{"protocol": "http", "deep": []any{[]any{[]any{"x"}}, 1.5}}},
		{"Kind": "service-defaults", "Name": "web", "Protocol": "http", "UpstreamConfig": map[string]any{
			"Defaults": map[string]any{"PassiveHealthCheck": map[string]any{"Interval": "5s", "BaseEjectionTime": "6s"}}}},
		{"Kind": "service-resolver", "Name": "web", "ConnectTimeout": "5s", "Subsets": map[string]any{"v1": map[string]any{"OnlyPassing": true}}},
		{"Kind": "service-router", "Name": "web", "Routes": []any{map[string]any{"Destination": map[string]any{"IdleTimeout": "1h"}}}},
		{"Kind": "service-splitter", "Name": "web", "Splits": []any{map[string]any{"Weight": 33.33}, map[string]any{"Weight": 66.67, "Service": "b"}}},
		{"Kind": "service-intentions", "Name": "web", "Sources": []any{map[string]any{"Name": "*", "Action": "deny"}}, "Meta": map[string]any{"a": "b"}},
		{"Kind": "mesh", "TLS": map[string]any{"Incoming": map[string]any{"TLSMinVersion": "TLSv1_2"}}},
	} {
		entry, err := mesh.DecodeEntry(raw)
		if err == nil {
			err = mesh.Prepare(entry)
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, func(w *Writer) error { return w.PutConfigEntry(entry) })
	}
	want := s.Snapshot().ConfigEntries("")
	back := New()
	if err := back.Restore(load(t, save(t, s.Snapshot())), nothingMore); err != nil {
		t.Fatal(err)
	}
	got := back.Snapshot().ConfigEntries("")
	if len(got) != len(want) {
		t.Fatalf("got %d entries, want %d", len(got), len(want))
	}
	for n := range want {
		if !reflect.DeepEqual(got[n], want[n]) {
			t.Errorf("got %+v, want %+v", got[n], want[n])
		}
	}
}
