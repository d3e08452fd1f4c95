package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// disk is the folder of a journal. What is written or named there is safe once
// it was synced: a file by its own Sync, a name by the folder's.
type disk interface {
	list() ([]string, error)
	open(name string) (io.ReadCloser, error)
	create(name string) (file, error) // in place of one of that name
	rename(from, to string) error
	remove(name string) error // no error when there is none
	sync() error
}

// file is a file that is written.
type file interface {
	io.WriteCloser
	Sync() error
}

// ErrInUse reports a folder that another agent uses.
var ErrInUse = errors.New("another agent uses it")

// ErrConsul reports a folder with the data of a Consul server.
var ErrConsul = errors.New("it holds the data of a Consul server")

// folder is a disk that is one.
type folder string

// openFolder returns the folder, which it makes if there is none: [ErrConsul].
func openFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "raft")); err == nil {
		return "", fmt.Errorf("data directory %s: %w, which muster cannot read; give it a folder of its own", dir, ErrConsul)
	}
	return folder(dir), nil
}

// lock takes the folder: [ErrInUse].
func (f folder) lock() (unlock func() error, err error) {
	lock := flock.New(f.path("lock"), flock.SetPermissions(0o600))
	switch taken, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock the data directory %s: %w", f, err)
	case !taken:
		return nil, fmt.Errorf("data directory %s: %w; stop it, or give this one a directory of its own", f, ErrInUse)
	}
	return lock.Unlock, nil
}

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) list() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for n, entry := range entries {
		names[n] = entry.Name()
	}
	return names, nil
}

func (f folder) open(name string) (io.ReadCloser, error) { return os.Open(f.path(name)) }

func (f folder) create(name string) (file, error) {
	return os.OpenFile(f.path(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}

func (f folder) rename(from, to string) error { return os.Rename(f.path(from), f.path(to)) }

func (f folder) remove(name string) error {
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (f folder) sync() error {
	dir, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
