package command

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/config"
)

// TestFilesOfSettingsAreLookedAt: each change of them is read once, whether it
// can be used or not, and only where that is asked for.
func TestFilesOfSettingsAreLookedAt(t *testing.T) {
	for _, asked := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			folder := t.TempDir()
			file := filepath.Join(folder, "a.hcl")
			write := func(text string) {
				t.Helper()
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("one")
			log, err := openLog(config.Log{}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			paths := []string{folder}
			var reads atomic.Int64
			r := &reloader{
				log: log, settings: config.Agent{AutoReload: asked, Paths: paths}, seen: config.Fingerprint(paths),
				read: func() (config.Agent, error) {
					reads.Add(1)
					return config.Agent{Read: config.Fingerprint(paths)}, errors.New("it cannot be used")
				},
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { // ends with ctx; awaited below
				defer close(ended)
				r.reloadAt(ctx, nil)
			}()
			defer func() { cancel(); <-ended }()
			wants := func(what string, want int) {
				t.Helper()
				time.Sleep(time.Minute)
				synctest.Wait()
				if !asked {
					want = 0
				}
				if got := int(reads.Load()); got != want {
					t.Errorf("%s: they were read %d times, want %d (asked for: %v)", what, got, want, asked)
				}
			}
			wants("as they were", 0)
			write("two")
			wants("another text", 1)
			if err := os.WriteFile(filepath.Join(folder, "b.hcl"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			wants("another file", 2)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			wants("one file less", 3)
		})
	}
}
