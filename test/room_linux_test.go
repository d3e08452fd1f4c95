package test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/realjf/muster/test/program"
	"github.com/realjf/muster/test/registry"
)

// TestNoRoom takes the room for files from a registry while it runs, by the
// limit that the system puts on their size. It refuses what it cannot keep and
// answers what it knows; when there is room again it goes on. What it
// acknowledged is there after a kill, before and after.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	kept, err := registry.New(registry.Durable(muster, filepath.Join(t.TempDir(), "data")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.End(); err != nil {
			t.Error(err)
		}
	})
	room := func(bytes uint64) {
		t.Helper()
		if err := unix.Prlimit(kept.Program().PID(), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	put := func(key string) error { return kept.Put(t.Context(), "/v1/kv/"+key, strings.NewReader("value")) }
	has := func(keys ...string) {
		t.Helper()
		for _, key := range keys {
			if status, body, err := kept.Get(t.Context(), "/v1/kv/"+key); err != nil || status != http.StatusOK {
				t.Errorf("key %s: %d %s %v", key, status, body, err)
			}
		}
	}
	start := func() {
		t.Helper()
		if err := kept.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	start()
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	room(100)
	for range 3 {
		if err := put("refused"); err == nil || !strings.Contains(err.Error(), "file too large") || !strings.Contains(err.Error(), "takes no writes until it can") {
			t.Fatalf("without room: got %v", err)
		}
	}
	has("before")

	// It ends so, and the next finds what was acknowledged.
	if err := kept.End(); err != nil {
		t.Fatal(err)
	}
	start()
	has("before")

	// The room comes back while it runs.
	room(100)
	if err := put("refused"); err == nil {
		t.Fatal("a write was acknowledged without room")
	}
	room(unix.RLIM_INFINITY)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := program.Until(ctx, func(context.Context) error { return put("after") }); err != nil {
		t.Fatal(err)
	}
	if err := kept.End(); err != nil {
		t.Fatal(err)
	}
	start()
	has("before", "after")
}
