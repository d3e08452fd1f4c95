package agent

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tokens are those that requests are let in with: the one of the configuration,
// and those of a file, which is read again when it changes. With none of either
// everybody is let in.
type tokens struct {
	file   string
	logger *slog.Logger
	now    atomic.Pointer[accepted]

	mu    sync.Mutex
	given string   // the one of the configuration
	lines []string // those of the file
	fault string   // of the file, as it was last logged
}

// accepted are the digests of tokens: what is compared has one length, and takes
// one time.
type accepted [][sha256.Size]byte

// newTokens returns the tokens of a configuration.
func newTokens(config Config, logger *slog.Logger) (*tokens, error) {
	lines, err := readTokens(config.HTTPTokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	t := &tokens{file: config.HTTPTokenFile, logger: logger, lines: lines}
	t.give(config.HTTPToken)
	return t, nil
}

// give puts another token in the place of that of the configuration; "" for
// none.
func (t *tokens) give(given string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.given = given
	t.settle()
}

// settle puts the tokens that there are into force. It is called under the lock.
func (t *tokens) settle() {
	var all accepted
	for _, token := range append([]string{t.given}, t.lines...) {
		if token != "" {
			all = append(all, sha256.Sum256([]byte(token)))
		}
	}
	t.now.Store(&all)
}

// tokenInterval is how often the file is looked at.
const tokenInterval = time.Second

// follow reads the file again and again, until ctx ends. While it cannot be
// used, the tokens that it had stay: who breaks the file opens no door, and
// shuts nobody out.
func (t *tokens) follow(ctx context.Context) {
	if t.file == "" {
		return
	}
	tick := time.NewTicker(tokenInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.look()
		case <-ctx.Done():
			return
		}
	}
}

// look reads the file, and says once what is wrong with it.
func (t *tokens) look() {
	lines, err := readTokens(t.file)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if err.Error() != t.fault {
			t.logger.Error("the tokens stay as they were", "error", err)
		}
		t.fault = err.Error()
		return
	}
	t.fault = ""
	if !slices.Equal(lines, t.lines) {
		t.lines = lines
		t.settle()
		t.logger.Info("tokens were read again", "file", t.file, "tokens", len(lines))
	}
}

// demanded reports whether a request must carry a token.
func (t *tokens) demanded() bool { return len(*t.now.Load()) > 0 }

// accept reports whether a token is one of them, in a time that says nothing of
// how near it came.
func (t *tokens) accept(token string) bool {
	digest := sha256.Sum256([]byte(token))
	found := 0
	for _, one := range *t.now.Load() {
		found |= subtle.ConstantTimeCompare(digest[:], one[:])
	}
	return found == 1
}

// readTokens returns the tokens of a file; none of "".
func readTokens(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := readTokenFile(file)
	if err != nil {
		return nil, err
	}
	lines, err := parseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return lines, nil
}

// maxTokenFile is how large the file may be.
const maxTokenFile = 64 << 10

func readTokenFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file, and could not be read again", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	if err == nil && len(text) > maxTokenFile {
		err = fmt.Errorf("%s has more than %d bytes", name, maxTokenFile)
	}
	return text, err
}

// parseTokens reads the lines of a file: a token in each, so that one can follow
// another while both are in use. Empty lines, and those that begin with #, are
// none. The error never shows what might be a token.
func parseTokens(text []byte) ([]string, error) {
	var all []string
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !isToken(line):
			return nil, fmt.Errorf("line %d: %w", n, errToken)
		default:
			all = append(all, line)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it has no token")
	}
	return all, nil
}

var errToken = errors.New("a token is one word of letters, digits and signs in ASCII, as it fits into a header")

// isToken reports whether a request can carry a text as its token.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
