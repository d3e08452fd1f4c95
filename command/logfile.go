package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/realjf/muster/config"
)

// logFile is a log in a file, which begins anew when it has become too long or
// too old. The names are Consul's: what was consul.log goes on as
// consul-1700000000000000000.log, by the time in nanoseconds. It is safe for
// concurrent use.
type logFile struct {
	config config.LogFile
	stem   string // of the path, without its extension
	ext    string

	mu    sync.Mutex
	file  *os.File
	size  int
	began time.Time
}

// openLogFile opens the file, behind what is in it already.
func openLogFile(cfg config.LogFile) (*logFile, error) {
	path := cfg.Path
	if strings.HasSuffix(path, string(filepath.Separator)) {
		path += "consul.log"
	}
	l := &logFile{config: cfg, ext: filepath.Ext(path)}
	l.stem = strings.TrimSuffix(path, l.ext)
	if l.ext == "" {
		l.ext = ".log"
	}
	return l, l.open()
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.stem+l.ext, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640) // #nosec G302 -- its group may read a log
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the log: %w", err), file.Close())
	}
	l.file, l.size, l.began = file, int(info.Size()), time.Now()
	return nil
}

// Write implements io.Writer. A line is never split between files.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tooLong := l.config.Bytes > 0 && l.size > 0 && l.size+len(line) > l.config.Bytes
	tooOld := l.config.Span > 0 && time.Since(l.began) >= l.config.Span
	if tooLong || tooOld {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += n
	return n, err
}

// rotate puts the file aside, removes the oldest that are too many, and begins
// a new one.
func (l *logFile) rotate() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	aside := fmt.Sprintf("%s-%d%s", l.stem, time.Now().UnixNano(), l.ext)
	if err := os.Rename(l.stem+l.ext, aside); err != nil {
		return err
	}
	if err := l.prune(); err != nil {
		return err
	}
	return l.open()
}

func (l *logFile) prune() error {
	if l.config.Keep == 0 {
		return nil
	}
	old, err := filepath.Glob(l.stem + "-[0-9]*" + l.ext)
	if err != nil {
		return err
	}
	slices.Sort(old)
	keep := max(l.config.Keep, 0)
	for _, path := range old[:max(len(old)-keep, 0)] {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
