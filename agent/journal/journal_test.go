package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/state"
)

// run is one life of an agent that keeps keys.
type run struct {
	t       *testing.T
	journal *Journal
	store   *state.Store
}

func begin(t *testing.T, d disk, config Config) *run {
	t.Helper()
	j, saved, err := open(d, config)
	if err != nil {
		t.Fatal(err)
	}
	return &run{t, j, state.Resume(saved, j)}
}

func (l *run) set(key, value string) error {
	return l.store.Write(func(w *state.Writer) error {
		w.Put(key, []byte(value), 0)
		return nil
	})
}

func (l *run) mustSet(key, value string) {
	l.t.Helper()
	if err := l.set(key, value); err != nil {
		l.t.Fatal(err)
	}
}

func (l *run) close() {
	l.t.Helper()
	if err := l.journal.Close(); err != nil {
		l.t.Fatal(err)
	}
}

// index returns the highest that anybody is given.
func (l *run) index() uint64 {
	_, index, _ := l.store.Look(state.Everything)
	return index
}

// keys returns what there is.
func (l *run) keys() map[string]string {
	all := map[string]string{}
	entries, _, _ := l.store.Snapshot().Entries("")
	for _, e := range entries {
		all[e.Key] = string(e.Value)
	}
	return all
}

// TestPowerFailures: wherever the power fails, what was acknowledged is there,
// and what was not is there whole or not at all; life after life.
func TestPowerFailures(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		d := newTestDisk(rand.New(rand.NewPCG(seed, 1)))
		kept := map[string]string{} // acknowledged
		var key, value string       // not acknowledged; "" for none
		lastIndex := uint64(0)
		for life := range 4 {
			d.offAt = 1 + d.ops + random.IntN(200)
			j, saved, err := open(d, Config{LogSize: 500})
			if err != nil && !errors.Is(err, errOff) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err == nil {
				l := &run{t, j, state.Resume(saved, j)}
				if index := l.index(); index <= lastIndex {
					t.Fatalf("seed %d: the index went from %d to %d", seed, lastIndex, index)
				}
				there := l.keys()
				if key != "" && there[key] == value {
					kept[key] = value
				}
				if !maps.Equal(there, kept) {
					t.Fatalf("seed %d\ngot  %v\nwant %v", seed, there, kept)
				}
				key = ""
				for n := 0; key == ""; n++ {
					k, v := fmt.Sprint("k", random.IntN(8)), fmt.Sprint(life, n)
					if err := l.set(k, v); err != nil {
						key, value = k, v
						break
					}
					kept[k] = v
				}
				lastIndex = l.index()
				_ = j.Close()
			}
			d = d.crashed()
		}
	}
}

// TestFailedSync: once a sync has failed, what was written is nowhere, and a
// later sync that succeeds says nothing. So nothing more is acknowledged until
// all is written anew elsewhere; whatever was before the power went is there.
func TestFailedSync(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			d := newTestDisk(rand.New(rand.NewPCG(seed, 1)))
			l := begin(t, d, Config{LogSize: 2000})
			kept := map[string]string{}    // acknowledged
			maybe := map[string][]string{} // not, since then, by key
			failed := 0
			for n := range 200 {
				if random.IntN(10) == 0 {
					d.unsafe = syscall.EIO
				}
				k, v := fmt.Sprint("k", random.IntN(8)), fmt.Sprint(n)
				if err := l.set(k, v); err == nil {
					kept[k], maybe[k] = v, nil
				} else {
					failed++
					maybe[k] = append(maybe[k], v)
					if !errors.Is(err, syscall.EIO) {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
				if random.IntN(2) == 0 {
					time.Sleep(retryAfter)
				}
				l.journal.saving.Wait() // its syncs are not to fail by chance
			}
			if failed == 0 || len(kept) == 0 {
				t.Errorf("seed %d: %d writes failed and %d keys are kept: the story tells nothing", seed, failed, len(kept))
			}
			_ = l.journal.Close()
			there := begin(t, d.crashed(), Config{}).keys()
			for k := range there {
				if there[k] != kept[k] && !slices.Contains(maybe[k], there[k]) {
					t.Errorf("seed %d: %s is %q, acknowledged was %q, and then asked for %q", seed, k, there[k], kept[k], maybe[k])
				}
			}
			for k := range kept {
				if there[k] == "" {
					t.Errorf("seed %d: %s was acknowledged, and is not there", seed, k)
				}
			}
		})
	}
}

// TestFullDisk: on a disk that takes nothing any more writes fail and say why,
// everything can be read, and when it takes some again writes are kept, those
// before too.
func TestFullDisk(t *testing.T) {
	for name, why := range map[string]error{"full": syscall.ENOSPC, "over its quota": syscall.EDQUOT, "read-only": syscall.EROFS, "broken": syscall.EIO} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { fullDisk(t, why) }) })
	}
}

func fullDisk(t *testing.T, why error) {
	d := newTestDisk(rand.New(rand.NewPCG(1, 1)))
	l := begin(t, d, Config{})
	l.mustSet("a", "1")
	d.fails = why
	for range 3 {
		if err := l.set("b", "2"); !errors.As(err, new(state.NotKept)) || !errors.Is(err, why) {
			t.Fatalf("got %v, want %v", err, why)
		}
	}
	if got := l.keys()["a"]; got != "1" {
		t.Errorf("got %q, want what was there", got)
	}
	d.fails = nil
	if err := l.set("c", "3"); err == nil {
		t.Error("the disk was asked again at once")
	}
	time.Sleep(retryAfter)
	l.mustSet("c", "3")
	l.mustSet("d", "4")
	want := l.keys()
	l.close()
	if got := begin(t, d.crashed(), Config{}).keys(); !maps.Equal(got, want) || got["c"] != "3" {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStateIsWrittenAnew: logs do not grow without bound, and what they held
// is in the state.
func TestStateIsWrittenAnew(t *testing.T) {
	d := newTestDisk(rand.New(rand.NewPCG(1, 1)))
	l := begin(t, d, Config{LogSize: 10_000})
	for n := range 2000 {
		l.mustSet(fmt.Sprint(n%10), fmt.Sprint(n))
	}
	l.close()
	size := 0
	for _, f := range d.names {
		size += len(f.data)
	}
	if size > 40_000 {
		t.Errorf("%d bytes are kept of ten keys: %v", size, maps.Keys(d.names))
	}
	if got := begin(t, d, Config{}).keys(); len(got) != 10 || got["9"] != "1999" {
		t.Errorf("got %v", got)
	}
}

// TestDamage: what is damaged is found and named; who wants to go on loses
// only what comes after it.
func TestDamage(t *testing.T) {
	const nothing = -1 // stands before the damage
	for _, c := range []struct {
		name   string
		damage func(dir string)
		want   string // of the error; empty for none
		cut    int    // how many keys are there when the damage is cut
	}{
		{"a flipped bit", func(dir string) { flip(t, filepath.Join(dir, logName(1)), 300) }, "00000001.log is damaged at byte", 1},
		{"a flipped bit in the head", func(dir string) { flip(t, filepath.Join(dir, logName(2)), 10) }, "00000002.log is damaged at byte 0", 10},
		{"a log is missing", func(dir string) { check(t, os.Remove(filepath.Join(dir, logName(1)))) }, "00000002.log is damaged at byte 0: it goes on after index", nothing},
		{"a log lost its end", func(dir string) { check(t, os.Truncate(filepath.Join(dir, logName(1)), 700)) }, "00000002.log is damaged at byte 0: it goes on after index", 3},
		{"the last log lost its end", func(dir string) { check(t, os.Truncate(filepath.Join(dir, logName(2)), 700)) }, "", 0},
		{"the last log has something behind its end", func(dir string) { add(t, filepath.Join(dir, logName(2)), "some text") }, "", 0},
		{"a log of another version", func(dir string) {
			check(t, os.WriteFile(filepath.Join(dir, logName(3)), framed([]byte(headName+`{"Version":2}`)), 0o600))
		}, "version 2 of the format", 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for part := range 2 {
				j, saved, err := Open(dir, Config{})
				check(t, err)
				l := &run{t, j, state.Resume(saved, j)}
				for n := range 10 {
					l.mustSet(fmt.Sprint(part*10+n), "value")
				}
				l.close()
			}
			c.damage(dir)
			j, _, err := Open(dir, Config{})
			if c.want == "" {
				check(t, err)
				check(t, j.Close())
				return
			}
			if damaged := (*Damaged)(nil); !errors.As(err, &damaged) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			j, saved, err := Open(dir, Config{CutDamaged: true})
			if c.cut == nothing {
				if damaged := (*Damaged)(nil); !errors.As(err, &damaged) || damaged.Cut {
					t.Errorf("got %v, want that nothing stands before the damage", err)
				}
				return
			}
			check(t, err)
			if entries, _, _ := saved.Snapshot().Entries(""); len(entries) != c.cut {
				t.Errorf("%d keys are left, want %d", len(entries), c.cut)
			}
			check(t, j.Close())
			if aside, _ := filepath.Glob(filepath.Join(dir, "*"+damagedEnd)); len(aside) == 0 {
				t.Error("the damaged files are not kept")
			}
			j, saved, err = Open(dir, Config{})
			check(t, err)
			if entries, _, _ := saved.Snapshot().Entries(""); len(entries) != c.cut {
				t.Errorf("%d keys are left in the next life, want %d", len(entries), c.cut)
			}
			check(t, j.Close())
		})
	}
}

// TestDamagedState: a state is whole or refused.
func TestDamagedState(t *testing.T) {
	dir := t.TempDir()
	j, saved, err := Open(dir, Config{})
	check(t, err)
	l := &run{t, j, state.Resume(saved, j)}
	l.mustSet("a", "1")
	check(t, j.Replace(l.store.Snapshot()))
	l.close()
	flip(t, filepath.Join(dir, stateName(2)), 60)
	for _, config := range []Config{{}, {CutDamaged: true}} {
		if _, _, err := Open(dir, config); !errors.As(err, new(*Damaged)) || !strings.Contains(err.Error(), stateName(2)) {
			t.Errorf("got %v, want that the state is damaged", err)
		}
	}
}

// TestDamageFarIn: however long a log is, the first record that is wrong is
// named, and all before it can be gone on with.
func TestDamageFarIn(t *testing.T) {
	const records, wrong = 20_000, 15_000
	log, offset := framed(headOf(0)), 0
	for n := range records {
		commit := fmt.Sprintf("commit {\"Index\":%d}\nnodes {\"Node\":\"n%05d\"}\n", n+1, n)
		if n >= wrong {
			commit = strings.ReplaceAll(commit, "nodes", "none")
		}
		if n == wrong {
			offset = len(log)
		}
		log = append(log, framed([]byte(commit))...)
	}
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, logName(1)), log, 0o600))
	damaged := (*Damaged)(nil)
	if _, _, err := Open(dir, Config{}); !errors.As(err, &damaged) || damaged.Offset != int64(offset) || !strings.Contains(err.Error(), "unknown table") {
		t.Errorf("got %v, want an unknown table at byte %d", err, offset)
	}
	j, saved, err := Open(dir, Config{CutDamaged: true})
	check(t, err)
	if got := len(saved.Snapshot().Nodes()); got != wrong {
		t.Errorf("%d nodes, want %d", got, wrong)
	}
	check(t, j.Close())
}

// TestConsulsFolder: a Consul's data is not taken for an empty registry.
func TestConsulsFolder(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "raft"), 0o755))
	if _, _, err := Open(dir, Config{}); !errors.Is(err, ErrConsul) {
		t.Errorf("got %v, want %v", err, ErrConsul)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("it was touched: %v", left)
	}
}

// TestFolder: it has one user, and nobody else may read it.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	j, saved, err := Open(dir, Config{})
	check(t, err)
	l := &run{t, j, state.Resume(saved, j)}
	l.mustSet("a", "1")
	check(t, j.Replace(l.store.Snapshot()))
	if _, _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	files, err := os.ReadDir(dir)
	check(t, err)
	for _, f := range files {
		info, err := f.Info()
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: %v", f.Name(), info.Mode())
		}
	}
	l.close()
	j, _, err = Open(dir, Config{})
	check(t, err)
	check(t, j.Close())
}

// FuzzRecords: of a log that is anything, what is read was written, and the
// rest is told.
func FuzzRecords(f *testing.F) {
	f.Add(append(framed(headOf(0)), framed([]byte("commit {\"Index\":3}\n"))...))
	f.Add(framed([]byte("x"))[:5])
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		log := newRecords(bytes.NewReader(data))
		for {
			text, err := log.next()
			if err != nil {
				break
			}
			if again := framed(text); !bytes.Equal(again, data[log.offset-int64(len(again)):log.offset]) {
				t.Fatalf("read %q where there is %q", text, data)
			}
		}
		d := newTestDisk(rand.New(rand.NewPCG(1, 1)))
		d.names[logName(1)] = &testFile{disk: d, data: data, safe: len(data)}
		if j, _, err := open(d, Config{CutDamaged: true}); err == nil {
			check(t, j.Close())
		}
	})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte of a file.
func flip(t *testing.T, name string, at int) {
	t.Helper()
	data, err := os.ReadFile(name)
	check(t, err)
	data[at] ^= 1
	check(t, os.WriteFile(name, data, 0o600))
}

func add(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	check(t, err)
	check(t, os.WriteFile(name, append(data, text...), 0o600))
}
