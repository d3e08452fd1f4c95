package consul

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// TokenFile returns a source of tokens, for [Config], that reads the file
// at path: at first, and whenever it has changed since, so that a new token
// needs no restart. While the file cannot be read, or is empty, the last token
// stays. It may be called concurrently.
func TokenFile(path string) func() (string, error) {
	f := &tokenFile{path: path}
	return f.token
}

type tokenFile struct {
	path string

	mu    sync.Mutex
	last  string
	size  int64
	since time.Time // when the file was last changed
}

func (f *tokenFile) token() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err == nil && (f.last == "" || !info.ModTime().Equal(f.since) || info.Size() != f.size) {
		var text []byte
		if text, err = os.ReadFile(f.path); err == nil {
			if token := strings.TrimSpace(string(text)); token != "" {
				f.last, f.size, f.since = token, info.Size(), info.ModTime()
			} else {
				err = errors.New("it is empty")
			}
		}
	}
	if f.last == "" {
		return "", fmt.Errorf("read %s: %w", f.path, err)
	}
	return f.last, nil
}
