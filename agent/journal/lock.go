package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// ErrInUse reports a folder that another agent uses.
var ErrInUse = errors.New("another agent uses it")

// errNoLock reports that the lock's file is gone.
var errNoLock = fmt.Errorf("its file %q was removed while the agent runs: never remove it by hand", lockName)

// lockName is the file of a lock. It holds the id of the process that has it.
const lockName = "lock"

// lock keeps a folder from other agents: by a lock of its file, which every
// system has, and by one of the folder itself, which stays when somebody
// removes the file. It is safe for concurrent use.
type lock struct {
	path   string       // of the file
	folder *flock.Flock // not locked where the system cannot

	mu   sync.Mutex
	file *flock.Flock
}

// take locks a folder: [ErrInUse].
func take(dir string) (*lock, error) {
	l := &lock{path: filepath.Join(dir, lockName), folder: flock.New(dir, flock.SetFlag(os.O_RDONLY))}
	// Windows locks no folders, nor do some file systems of networks: with an
	// error the file has to do.
	if taken, err := l.folder.TryLock(); err == nil && !taken {
		return nil, l.inUse()
	}
	if err := l.takeFile(os.O_CREATE); err != nil {
		return nil, errors.Join(err, l.folder.Unlock())
	}
	return l, nil
}

// takeFile locks the file, which is opened so.
func (l *lock) takeFile(flags int) error {
	file := flock.New(l.path, flock.SetFlag(flags|os.O_RDWR), flock.SetPermissions(0o600))
	taken, err := file.TryLock()
	if errors.Is(err, fs.ErrExist) || err == nil && !taken {
		return l.inUse()
	}
	if err != nil {
		return fmt.Errorf("lock it: %w", err)
	}
	l.file = file
	// It is for people: where it cannot be written, what is locked is locked.
	_ = os.WriteFile(l.path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return nil
}

// inUse says who has the lock, as far as the file tells.
func (l *lock) inUse() error {
	who := ""
	if text, err := os.ReadFile(l.path); err == nil && len(text) > 0 {
		who = fmt.Sprintf(" (process %s)", strings.TrimSpace(string(text)))
	}
	return fmt.Errorf("%w%s; stop it, or give this one a directory of its own, and never remove the file %q by hand", ErrInUse, who, lockName)
}

// check returns why others may not be kept away any more, or nil: [ErrInUse]
// where somebody else has made the file anew, errNoLock where nobody has.
func (l *lock) check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stands()
}

// stands is check, for who has mu.
func (l *lock) stands() error {
	is, err := l.file.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoLock
	case err != nil:
		return err
	case !os.SameFile(now, is):
		return l.inUse()
	default:
		return nil
	}
}

// renew makes the file anew where it is gone: [ErrInUse] where somebody else
// has done so.
func (l *lock) renew() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.stands(); !errors.Is(err, errNoLock) {
		return err
	}
	before := l.file
	if err := l.takeFile(os.O_CREATE | os.O_EXCL); err != nil {
		return err
	}
	return before.Unlock()
}

// release gives the folder back.
func (l *lock) release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.file.Unlock(), l.folder.Unlock())
}
