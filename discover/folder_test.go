package discover_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/internal/logbook"
)

// TestFolder: a process that starts while the registry is down begins with the
// list of the last one.
func TestFolder(t *testing.T) {
	folder := t.TempDir()
	// live runs a watch for a while, as a process would.
	live := func(src discover.Source, q discover.Query, during func(*discover.Watcher)) {
		w := discover.Watch(src, q, discover.WatchConfig{Folder: folder})
		defer w.Close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		during(w)
	}
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", some("1 2")...)
		live(src, web, func(*discover.Watcher) {
			all := some("1 2 3!")
			all[0].Locality.Zone, all[0].Tags = "a", []string{"v1"}
			src.Set("web", all...)
			time.Sleep(time.Second)
		})

		src.Fail(errDown)
		live(src, web, func(w *discover.Watcher) {
			s, err := w.First(t.Context())
			if err != nil || s.State() != discover.Degraded || !errors.Is(s.Err, errDown) {
				t.Fatalf("started while it is down: got %+v, error %v; want the kept list, degraded", s, err)
			}
			if discovertest.IDs(s.Instances) != "1 2" || discovertest.IDs(s.Unhealthy) != "3" || s.Instances[0].Zone() != "a" || s.Unhealthy[0].Reason != "ping: refused" {
				t.Errorf("got %+v, want all that was known", s)
			}
			if age := time.Since(s.Confirmed); age < 2*time.Second || age > time.Minute {
				t.Errorf("confirmed %s ago", age)
			}
			// It comes back without its data: nobody is dropped at once.
			src.Restart()
			src.Fail(nil)
			time.Sleep(1500 * time.Millisecond)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2" || s.State() != discover.Warming {
				t.Errorf("the registry is back and knows nobody: got %q, %s", discovertest.IDs(s.Instances), s.State())
			}
			src.Set("web", some("2")...)
			time.Sleep(5 * time.Second)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "2" || s.State() != discover.Current {
				t.Errorf("later: got %q, %s", discovertest.IDs(s.Instances), s.State())
			}
		})

		// Another question has another file; and a registry that answers counts.
		src.Fail(errDown)
		live(src, discover.Query{Service: "web", Tags: "v1"}, func(w *discover.Watcher) {
			if s, ok := w.Snapshot(); ok {
				t.Errorf("another question began with %q", discovertest.IDs(s.Instances))
			}
		})
		src.Fail(nil)
		src.Set("web", some("9")...)
		live(src, web, func(w *discover.Watcher) {
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "9" || s.Err != nil {
				t.Errorf("the registry answers: got %q, error %v", discovertest.IDs(s.Instances), s.Err)
			}
		})

		src.Fail(errDown)
		time.Sleep(25 * time.Hour)
		live(src, web, func(w *discover.Watcher) {
			if s, ok := w.Snapshot(); ok {
				t.Errorf("began with %q, which is older than a day", discovertest.IDs(s.Instances))
			}
		})
	})
}

// TestFolderOfARegistryThatHangs: no answer is no answer.
func TestFolderOfARegistryThatHangs(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", some("1")...)
		w := discover.Watch(src, web, discover.WatchConfig{Folder: folder})
		time.Sleep(time.Second)
		_ = w.Close()

		w = discover.Watch(hanging, web, discover.WatchConfig{Folder: folder})
		defer w.Close()
		began := time.Now()
		s, err := w.First(t.Context())
		if took := time.Since(began); err != nil || discovertest.IDs(s.Instances) != "1" || took > time.Second {
			t.Errorf("got %q after %s, error %v; want the kept list within a second", discovertest.IDs(s.Instances), took, err)
		}
	})
}

func TestFolderThatIsBroken(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "lists")
	synctest.Test(t, func(t *testing.T) {
		q := discover.Query{Service: "a/../b/" + strings.Repeat("x", 200)}
		q.Service = strings.ReplaceAll(q.Service, "/../", "..") // a name that is none of a file
		src := discovertest.NewHand()
		src.Set(q.Service, some("1")...)
		w := discover.Watch(src, q, discover.WatchConfig{Folder: folder})
		time.Sleep(time.Second)
		_ = w.Close()
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("got files %q, error %v; want one", files, err)
		}
		if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got mode %v, error %v; want it readable for its owner alone", info.Mode(), err)
		}
		if err := os.WriteFile(files[0], []byte(`{"Form":1,"Quer`), 0o600); err != nil {
			t.Fatal(err)
		}
		src.Fail(errDown)
		var log logbook.Book
		w = discover.Watch(src, q, discover.WatchConfig{Folder: folder, Logger: log.Logger()})
		defer w.Close()
		time.Sleep(2 * time.Second)
		if _, ok := w.Snapshot(); ok {
			t.Error("began with a list that is damaged")
		}
		log.Expect(t, "cannot begin with the last list", "does not answer")
	})
}

// hanging never answers.
var hanging = sourceFunc(func(ctx context.Context, _ discover.Query, _ uint64) (discover.Snapshot, error) {
	<-ctx.Done()
	return discover.Snapshot{}, ctx.Err()
})
