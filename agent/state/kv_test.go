package state

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestKeysAgainstAModel holds random sequences of operations against a map:
// the same answers, an index that only grows, and for each write exactly the
// watchers woken whose answer it changed.
func TestKeysAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		check(s.Write(func(w *Writer) error {
			w.PutNode(Node{Node: "n1", Address: "10.0.0.1"})
			return nil
		}))
		model := map[string]Entry{} // without its indexes
		sessions := map[string]bool{}
		keys := rapid.SampledFrom([]string{"a", "a/b", "a/c", "ab", "b"})
		names := rapid.SampledFrom([]string{"s1", "s2"})
		values := rapid.SampledFrom([]string{"", "x", "y"})
		index := s.topics.index(Everything)

		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			key, value, session := keys.Draw(t, "key"), []byte(values.Draw(t, "value")), names.Draw(t, "session")
			before := s.Snapshot()
			old, exists := model[key]
			current, _, _ := before.Entry(key)
			want, got := true, true
			switch op := rapid.SampledFrom([]string{"put", "cas", "stale", "lock", "unlock", "delete", "tree", "open", "close"}).Draw(t, "op"); op {
			case "put":
				check(s.Write(func(w *Writer) error { w.Put(key, value, 0); return nil }))
				model[key] = Entry{Key: key, Value: value, Session: old.Session}
				if exists && bytes.Equal(old.Value, value) && old.LockIndex == 0 {
					model[key] = old
				}
			case "cas":
				at := uint64(0)
				if current != nil {
					at = current.ModifyIndex
				}
				check(s.Write(func(w *Writer) error { _, got = w.PutIf(key, value, 0, at); return nil }))
				model[key] = Entry{Key: key, Value: value, Session: old.Session}
			case "stale":
				want = false
				check(s.Write(func(w *Writer) error { _, got = w.PutIf(key, value, 0, 1); return nil }))
			case "lock":
				err := s.Write(func(w *Writer) (err error) { _, got, err = w.Lock(key, value, 0, session); return err })
				if !sessions[session] {
					if err != InvalidSession(session) {
						t.Fatalf("lock without a session: got %v", err)
					}
					continue
				}
				check(err)
				want = old.Session == "" || old.Session == session
				if want {
					next := Entry{Key: key, Value: value, Session: session, LockIndex: old.LockIndex}
					if old.Session == "" {
						next.LockIndex++
					}
					model[key] = next
				}
			case "unlock":
				check(s.Write(func(w *Writer) (err error) { _, got, err = w.Unlock(key, value, 0, session); return err }))
				want = exists && old.Session == session
				if want {
					model[key] = Entry{Key: key, Value: value, LockIndex: old.LockIndex}
				}
			case "delete":
				check(s.Write(func(w *Writer) error { w.Delete(key); return nil }))
				delete(model, key)
			case "tree":
				check(s.Write(func(w *Writer) error { w.DeleteTree(key); return nil }))
				for other := range model {
					if len(other) >= len(key) && other[:len(key)] == key {
						delete(model, other)
					}
				}
			case "open":
				if !sessions[session] {
					check(s.Write(func(w *Writer) error {
						return w.PutSession(Session{ID: session, Node: "n1", Behavior: ReleaseLocks})
					}))
					sessions[session] = true
				}
			case "close":
				check(s.Write(func(w *Writer) error { w.DeleteSession(session); return nil }))
				delete(sessions, session)
				for other, entry := range model {
					if entry.Session == session {
						entry.Session = ""
						model[other] = entry
					}
				}
			}
			if got != want {
				t.Fatalf("%s: done is %t, want %t", key, got, want)
			}

			after := s.Snapshot()
			if now := s.topics.index(Everything); now < index {
				t.Fatalf("the index fell from %d to %d", index, now)
			} else {
				index = now
			}
			for _, prefix := range []string{"a", "a/", "a/b", "ab", "b", ""} {
				compare(t, before, after, prefix, model)
			}
		}
	})
}

// compare holds what is below a prefix against the model, and its index and
// watchers against what changed.
func compare(t *rapid.T, before, after *Snapshot, prefix string, model map[string]Entry) {
	was, wasIndex, woken := before.Entries(prefix)
	is, isIndex, _ := after.Entries(prefix)
	found := 0
	for _, entry := range is {
		want := model[entry.Key]
		if entry.Key != want.Key || !bytes.Equal(entry.Value, want.Value) || entry.Session != want.Session || entry.LockIndex != want.LockIndex {
			t.Fatalf("got %+v, want %+v", *entry, want)
		}
		if entry.ModifyIndex > isIndex {
			t.Fatalf("the list %q is at %d, before its entry %q at %d", prefix, isIndex, entry.Key, entry.ModifyIndex)
		}
	}
	for key := range model {
		if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
			found++
		}
	}
	if found != len(is) {
		t.Fatalf("%q has %d keys, want %d", prefix, len(is), found)
	}
	if isIndex < wasIndex {
		t.Fatalf("the index of %q fell from %d to %d", prefix, wasIndex, isIndex)
	}
	if differs := fmt.Sprint(dump(was)) != fmt.Sprint(dump(is)); differs {
		if !changed(woken) {
			t.Fatalf("%q changed and its watchers sleep", prefix)
		}
		if isIndex <= wasIndex {
			t.Fatalf("%q changed and its index stayed at %d", prefix, isIndex)
		}
	}
}

func dump(entries []*Entry) (all []Entry) {
	for _, entry := range entries {
		all = append(all, *entry)
	}
	return all
}

func TestManyDeletedKeysAreForgottenWithoutAFallingIndex(t *testing.T) {
	s := New()
	last := uint64(0)
	for n := range maxTombstones + 10 {
		key := fmt.Sprintf("dir/%d", n)
		write(t, s, func(w *Writer) error { w.Put(key, nil, 0); return nil })
		write(t, s, func(w *Writer) error { w.Put("dir/stays", []byte("x"), 0); return nil })
		write(t, s, func(w *Writer) error { w.Delete(key); return nil })
		if n%1000 == 0 || n >= maxTombstones-5 {
			if _, index, _ := s.Snapshot().Entries("dir/"); index < last {
				t.Fatalf("after %d deletions the index fell from %d to %d", n, last, index)
			} else {
				last = index
			}
		}
	}
	if graves := len(s.Snapshot().tombstones.all()); graves > maxTombstones {
		t.Errorf("%d deleted keys are remembered, want at most %d", graves, maxTombstones)
	}
}
