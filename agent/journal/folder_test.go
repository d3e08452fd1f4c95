package journal

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/logbook"
)

// resume begins a life in a folder.
func resume(t *testing.T, dir string) *run {
	t.Helper()
	j, saved, err := Open(dir, Config{})
	check(t, err)
	return &run{t, j, state.Resume(saved, j)}
}

// TestFolderTakenAway: nothing is acknowledged that would be written where the
// next agent does not look, and nothing is written into a folder that is not
// the one that was taken. Once all is as it was, writes are taken again, and
// all that was acknowledged is there for the next agent.
func TestFolderTakenAway(t *testing.T) {
	inodes(t)
	for name, c := range map[string]struct {
		away func(t *testing.T, dir string)
		why  error
		back func(t *testing.T, dir string) // nil: by itself
		lost bool                           // never heals
	}{
		"logs removed": {away: removeLogs, why: ErrMoved},
		"a log replaced": {away: func(t *testing.T, dir string) {
			removeLogs(t, dir)
			check(t, os.WriteFile(filepath.Join(dir, logName(1)), nil, 0o600))
		}, why: ErrMoved},
		"removed": {away: func(t *testing.T, dir string) { check(t, os.RemoveAll(dir)) }, why: ErrMoved, lost: true},
		"removed and made anew": {away: func(t *testing.T, dir string) {
			check(t, os.RemoveAll(dir))
			check(t, os.Mkdir(dir, 0o700))
		}, why: ErrMoved, lost: true},
		"moved": {away: func(t *testing.T, dir string) { check(t, os.Rename(dir, dir+"2")) }, why: ErrMoved,
			back: func(t *testing.T, dir string) { check(t, os.Rename(dir+"2", dir)) }},
		"moved, and another in its place": {away: func(t *testing.T, dir string) {
			check(t, os.Rename(dir, dir+"2"))
			check(t, os.Mkdir(dir, 0o700))
		}, why: ErrMoved, back: func(t *testing.T, dir string) {
			check(t, os.Remove(dir)) // fails if anything was written there
			check(t, os.Rename(dir+"2", dir))
		}},
		"lock removed": {away: removeLock, why: errNoLock},
		"lock replaced": {away: func(t *testing.T, dir string) {
			removeLock(t, dir)
			check(t, os.WriteFile(filepath.Join(dir, lockName), []byte("4711\n"), 0o600))
		}, why: ErrInUse, lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "k")
				l := resume(t, dir)
				l.mustSet("a", "1")
				c.away(t, dir)
				refused := func() {
					t.Helper()
					err := l.set("b", "2")
					if !errors.As(err, new(state.NotKept)) || !errors.Is(err, c.why) || !strings.Contains(err.Error(), dir) {
						t.Fatalf("got %v, want %v", err, c.why)
					}
				}
				refused()
				if c.back != nil || c.lost {
					for range 2 {
						time.Sleep(retryAfter)
						refused()
					}
				}
				if got := l.keys()["a"]; got != "1" {
					t.Errorf("got %q, want what was there", got)
				}
				if c.lost {
					l.close()
					return
				}
				if c.back != nil {
					c.back(t, dir)
				}
				time.Sleep(retryAfter)
				l.mustSet("c", "3")
				l.mustSet("d", "4")
				want := l.keys()
				if _, _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) {
					t.Errorf("got %v, want %v", err, ErrInUse)
				}
				l.close()
				next := resume(t, dir)
				if got := next.keys(); !maps.Equal(got, want) || got["a"] != "1" || got["d"] != "4" {
					t.Errorf("got %v, want %v", got, want)
				}
				next.close()
			})
		})
	}
}

// TestNobodyWrites: what happened to a folder is told while nobody writes, once and
// with what to do; put back, it is told too.
func TestNobodyWrites(t *testing.T) {
	inodes(t)
	synctest.Test(t, func(t *testing.T) {
		var log logbook.Book
		dir := filepath.Join(t.TempDir(), "k")
		j, saved, err := Open(dir, Config{Logger: log.Logger()})
		check(t, err)
		l := &run{t, j, state.Resume(saved, j)}
		l.mustSet("a", "1")
		look := func(want error) {
			t.Helper()
			time.Sleep(LookEvery)
			if err := l.store.Ready(); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		look(nil)
		check(t, os.Rename(dir, dir+"2"))
		look(ErrMoved)
		look(ErrMoved)
		if lines := log.Lines(); len(lines) != 1 || !strings.Contains(lines[0], "snapshot save") || !strings.Contains(lines[0], dir) {
			t.Errorf("logged %q, want once what happened to %s, and what to do", lines, dir)
		}
		check(t, os.Rename(dir+"2", dir))
		look(nil)
		if lines := log.Lines(); len(lines) != 2 || !strings.Contains(lines[1], "can be written again") {
			t.Errorf("logged %q, want that it is there again", lines)
		}
		l.close()
	})
}

// TestWorseAndWorse: what happens to a folder while something is wrong with it
// already is told as well.
func TestWorseAndWorse(t *testing.T) {
	inodes(t)
	synctest.Test(t, func(t *testing.T) {
		var log logbook.Book
		dir := filepath.Join(t.TempDir(), "k")
		j, saved, err := Open(dir, Config{Logger: log.Logger()})
		check(t, err)
		l := &run{t, j, state.Resume(saved, j)}
		l.mustSet("a", "1")
		removeLock(t, dir)
		for range 2 {
			time.Sleep(LookEvery)
			if l.store.Ready() == nil {
				t.Error("it is ready without its folder")
			}
			check(t, os.RemoveAll(dir))
		}
		log.Expect(t, "it is made anew", "snapshot save")
		l.close()
	})
}

// TestTheOtherFolderStaysAsItIs: an agent that begins in a new folder at the
// place of one that was moved is left alone by the one before it.
func TestTheOtherFolderStaysAsItIs(t *testing.T) {
	inodes(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "k")
		first := resume(t, dir)
		first.mustSet("a", "1")
		check(t, os.Rename(dir, dir+"2"))
		second := resume(t, dir)
		for range 3 {
			second.mustSet("b", "2")
			if err := first.set("c", "3"); !errors.Is(err, ErrMoved) {
				t.Fatalf("got %v, want %v", err, ErrMoved)
			}
			time.Sleep(retryAfter)
		}
		if _, _, err := Open(dir+"2", Config{}); !errors.Is(err, ErrInUse) {
			t.Errorf("got %v, want %v", err, ErrInUse)
		}
		second.close()
		first.close()
		for dir, want := range map[string]string{dir: "b", dir + "2": "a"} {
			l := resume(t, dir)
			if got := l.keys(); got[want] == "" {
				t.Errorf("%s has %v, want %s", dir, got, want)
			}
			l.close()
		}
	})
}

// TestLockRemoved: without the file, the folder itself is held.
func TestLockRemoved(t *testing.T) {
	inodes(t)
	dir := t.TempDir()
	l := resume(t, dir)
	l.mustSet("a", "1")
	if text, err := os.ReadFile(filepath.Join(dir, lockName)); err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(os.Getpid()) {
		t.Errorf("the lock says %q, %v", text, err)
	}
	_, _, err := Open(dir, Config{})
	for _, want := range []string{"process " + strconv.Itoa(os.Getpid()), "never remove", lockName} {
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	removeLock(t, dir)
	if _, _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	l.close()
	next := resume(t, dir)
	if next.keys()["a"] != "1" {
		t.Errorf("got %v", next.keys())
	}
	next.close()
}

// TestLockFileAlone: where a folder cannot be locked, its file does it, and
// once another agent may have been here nothing is written any more.
func TestLockFileAlone(t *testing.T) {
	inodes(t)
	dir := t.TempDir()
	first := resume(t, dir)
	check(t, first.journal.disk.(*folder).lock.folder.Unlock())
	if _, _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	first.mustSet("a", "1")
	removeLock(t, dir)
	second := resume(t, dir)
	second.mustSet("b", "2")
	if err := first.set("c", "3"); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	second.mustSet("d", "4")
	first.close()
	second.mustSet("e", "5")
	second.close()
}

func removeLock(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, lockName))) }

func removeLogs(t *testing.T, dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "*"+logEnd))
	check(t, err)
	for _, log := range logs {
		check(t, os.Remove(log))
	}
}

// inodes skips a test where what is open cannot be removed or moved.
func inodes(t *testing.T) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "k")
	f, err := os.Create(dir)
	check(t, err)
	defer f.Close()
	if err := os.Remove(dir); err != nil && !errors.Is(err, syscall.ENOENT) {
		t.Skip("this system removes nothing that is open:", err)
	}
}
