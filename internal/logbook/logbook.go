// Package logbook is where a test finds what was logged, a line for each record.
// It is for tests alone: no program links it.
package logbook

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Book holds lines of a log. The zero value is empty, and its methods may be
// called concurrently.
type Book struct {
	mu    sync.Mutex
	lines []string
}

// Write implements [io.Writer]: each call is a line.
func (b *Book) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, strings.TrimSpace(string(line)))
	return len(line), nil
}

// Logger returns a logger that writes to the book, from Info on.
func (b *Book) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, nil))
}

// Lines returns what was logged so far.
func (b *Book) Lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// Expect checks that as many lines were logged as there are parts, each holding
// its part.
func (b *Book) Expect(t *testing.T, parts ...string) {
	t.Helper()
	lines := b.Lines()
	if !slices.EqualFunc(lines, parts, strings.Contains) {
		t.Errorf("logged\n%s\nwant one line each with %q", strings.Join(lines, "\n"), parts)
	}
}
