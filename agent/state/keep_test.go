package state

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// keeper keeps commits in memory, as one on a disk would.
type keeper struct {
	whole   []byte // a state
	commits [][]byte
	broken  error // of Keep and Replace
	unready error // of Ready
	behind  bool  // a commit could not be kept
}

func (k *keeper) Ready(now *Snapshot) error {
	if k.unready == nil && k.behind {
		return k.Replace(now)
	}
	return k.unready
}

func (k *keeper) Keep(_ *Snapshot, commit []byte) error {
	k.behind = k.broken != nil
	if k.broken == nil {
		k.commits = append(k.commits, bytes.Clone(commit))
	}
	return k.broken
}

func (k *keeper) Replace(state *Snapshot) error {
	if k.behind = k.broken != nil; k.behind {
		return k.broken
	}
	var out bytes.Buffer
	err := state.Save(&out)
	k.whole, k.commits = out.Bytes(), nil
	return err
}

// redo reads a commit and makes its changes.
func redo(s *Saved, commit string) error {
	read, err := NewReader().Commit([]byte(commit))
	if err != nil {
		return err
	}
	return s.Redo(read)
}

// kept returns what is kept, read anew.
func (k *keeper) kept(t interface{ Fatal(...any) }) *Saved {
	s := Blank()
	if k.whole != nil {
		s = load(t, k.whole)
	}
	for _, commit := range k.commits {
		if err := redo(s, string(commit)); err != nil {
			t.Fatal(err, string(commit))
		}
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKeptIsWhatIsThere: after whatever was written, restored and written
// again, what was kept is what there is, byte by byte.
func TestKeptIsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := &keeper{}
		s := Resume(Blank(), k)
		someWrites(t, s)
		if rapid.Bool().Draw(t, "restored") {
			other := New()
			someWrites(t, other)
			if err := s.Restore(load(t, save(t, other.Snapshot())), nothingMore); err != nil {
				t.Fatal(err)
			}
			someWrites(t, s)
		}
		want := save(t, s.Snapshot())
		kept := k.kept(t)
		if got := save(t, &Snapshot{tables: kept.tables}); kept.Index() > 0 && !bytes.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}

		// A life later it says the same, at higher indexes.
		answers, indexes := everyRead(t, s.Snapshot())
		next := Resume(kept, k)
		again, higher := everyRead(t, next.Snapshot())
		if again != answers {
			t.Fatalf("got  %s\nwant %s", again, answers)
		}
		for n := range higher {
			if higher[n] < indexes[n] {
				t.Fatalf("the index of a read of keys went from %d to %d", indexes[n], higher[n])
			}
		}
		for _, topic := range everyTopic() {
			if now, was := next.topics.index(topic), s.topics.index(topic); now < was {
				t.Fatalf("the index of %+v went from %d to %d", topic, was, now)
			}
		}
	})
}

// TestWritesThatCannotBeKept are refused, but for those that nobody is
// promised; what was made all the same is kept later.
func TestWritesThatCannotBeKept(t *testing.T) {
	k := &keeper{}
	s := Resume(Blank(), k)
	set := func(key string) func(*Writer) error {
		return func(w *Writer) error {
			w.Put(key, nil, 0)
			return nil
		}
	}
	full := errors.New("disk full")
	wants := func(err error, where string) {
		t.Helper()
		if !errors.As(err, new(NotKept)) || !errors.Is(err, full) {
			t.Errorf("%s: got %v, want that it could not be kept", where, err)
		}
	}
	write(t, s, set("before"))
	k.broken = full
	wants(s.Write(set("breaks")), "the first write on a full disk")
	k.unready = full
	ran := false
	wants(s.Write(func(*Writer) error { ran = true; return nil }), "the second")
	if ran {
		t.Error("a write was made although nothing can be kept")
	}
	if err := s.Note(set("noted")); err != nil {
		t.Errorf("a note on a full disk: %v", err)
	}
	k.broken, k.unready = nil, nil
	write(t, s, set("after"))

	kept, _, _ := (&Snapshot{tables: k.kept(t).tables}).Entries("")
	var keys []string
	for _, entry := range kept {
		keys = append(keys, entry.Key)
	}
	if got := strings.Join(keys, " "); got != "after before breaks noted" {
		t.Errorf("kept are %s, want after before breaks noted", got)
	}
}

// FuzzRedo: a commit that was damaged is an error, never a panic.
func FuzzRedo(f *testing.F) {
	f.Add("commit {\"Index\":7}\nentries {\"Key\":\"a2V5\"}\n-entries {\"Key\":\"a2V5\"}\n")
	f.Add("commit {\"Index\":7}\nnodes {\"Node\":\"n\"}\n")
	f.Add("commit {}\n")
	f.Fuzz(func(t *testing.T, commit string) {
		s := Blank()
		if redo(s, commit) == nil && s.Check() == nil {
			save(t, &Snapshot{tables: s.tables})
		}
	})
}
