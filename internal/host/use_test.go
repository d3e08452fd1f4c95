package host

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
)

func TestUse(t *testing.T) {
	here := t.TempDir()
	onPath := func(read func(context.Context, string) (Use, error)) func(context.Context) (Use, error) {
		return func(ctx context.Context) (Use, error) { return read(ctx, here) }
	}
	for name, read := range map[string]func(context.Context) (Use, error){
		"memory": Memory, "swap": Swap, "disk": onPath(Disk), "inodes": onPath(Inodes), "open files": OpenFiles, "own files": OwnFiles,
	} {
		got, err := read(t.Context())
		if errors.Is(err, ErrUnknown) && (name == "inodes" || runtime.GOOS != "linux") {
			continue
		}
		if err != nil || got.Used > got.Total || got.Total == 0 && name != "swap" {
			t.Errorf("%s: got %+v, %v, want some use of a total", name, got, err)
		}
	}
	if got, err := Disk(t.Context(), here+"/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path that is not there: got %+v, %v", got, err)
	}
}

func TestOwnFilesCountsThem(t *testing.T) {
	before, err := OwnFiles(t.Context())
	if errors.Is(err, ErrUnknown) {
		return
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after, err := OwnFiles(t.Context()); err != nil || after.Used != before.Used+1 {
		t.Errorf("got %d files, %v, want one more than %d", after.Used, err, before.Used)
	}
}

func TestLoadAndClock(t *testing.T) {
	if got, err := LookLoad(t.Context()); err != nil || got.Cores < 1 || got.One < 0 {
		t.Errorf("load: got %+v, %v", got, err)
	}
	if got, err := ClockError(t.Context()); err != nil && !errors.Is(err, ErrUnknown) || got < 0 {
		t.Errorf("clock: got %s, %v, want a time, or that it is unknown", got, err)
	}
}
