package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrConsul reports a folder with the data of a Consul server.
var ErrConsul = errors.New("it holds the data of a Consul server")

// ErrMoved reports a folder, or a log in it, that is not any more where the
// next agent will look for it.
var ErrMoved = errors.New("its folder or log was removed or moved while the agent runs")

// folder is a disk that is one, and nobody else's. It is the folder that was
// found at the start, whatever stands at its path later: nothing is written
// elsewhere, and nothing is safe here while it is not found there.
type folder struct {
	path string
	root *os.Root
	lock *lock
}

// openFolder takes the folder, which it makes if there is none: [ErrConsul],
// [ErrInUse].
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(path, "raft")); err == nil {
		return nil, fmt.Errorf("data directory %s: %w, which muster cannot read; give it a folder of its own", path, ErrConsul)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := take(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", path, err), root.Close())
	}
	return &folder{path, root, lock}, nil
}

// same returns why the path of one of the folder's files does not lead to it,
// or nil.
func (f *folder) same(name string, is fs.FileInfo) error {
	now, err := os.Stat(filepath.Join(f.path, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.moved(err)
	case err != nil:
		return fmt.Errorf("data directory %s: %w", f.path, err)
	case !os.SameFile(now, is):
		return f.moved(fmt.Errorf("%s is not what it was", filepath.Join(f.path, name)))
	default:
		return nil
	}
}

func (f *folder) moved(why error) error {
	return fmt.Errorf("data directory %s: %w: %w", f.path, ErrMoved, why)
}

// here returns why the folder's path does not lead to it, or nil.
func (f *folder) here() error {
	is, err := f.root.Stat(".")
	if err != nil {
		return f.moved(err)
	}
	return f.same(".", is)
}

// held returns why the folder is not this agent's alone, or nil.
func (f *folder) held() error {
	err := f.lock.check()
	if err == nil {
		return nil // so the folder is where it was, too
	}
	if err := f.here(); err != nil {
		return err
	}
	return fmt.Errorf("data directory %s: %w", f.path, err)
}

func (f *folder) list() ([]string, error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}

func (f *folder) open(name string) (io.ReadCloser, error) { return f.root.Open(name) }

// create begins a file. A lock that was removed by hand is made anew first:
// everything that is written after one was missed begins so.
func (f *folder) create(name string) (file, error) {
	if err := f.held(); errors.Is(err, errNoLock) {
		if err := f.lock.renew(); err != nil {
			return nil, fmt.Errorf("data directory %s: %w", f.path, err)
		}
	} else if err != nil {
		return nil, err
	}
	made, err := f.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	is, err := made.Stat()
	if err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return &folderFile{made, f, name, is}, nil
}

func (f *folder) rename(from, to string) error { return f.root.Rename(from, to) }

func (f *folder) remove(name string) error {
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *folder) sync() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f *folder) close() error { return errors.Join(f.root.Close(), f.lock.release()) }

// folderFile is a file of a folder that is safe only where it will be found.
type folderFile struct {
	*os.File
	folder *folder
	name   string
	is     fs.FileInfo
}

// Sync fails as a file's does, with [ErrMoved] where the file would not be
// found by its name, and where the folder is not the agent's alone any more.
// To know it costs two looks at names, beside the sync.
func (f *folderFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return f.found()
}

func (f *folderFile) found() error {
	if err := f.folder.held(); err != nil {
		return err
	}
	return f.folder.same(f.name, f.is)
}
