package agent

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestTokenFileIsFollowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# of the first day\nfirst\n")
	synctest.Test(t, func(t *testing.T) {
		var log logged
		all, err := newTokens(Config{HTTPToken: "given", HTTPTokenFile: file}, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); all.follow(ctx) }() // ends with ctx; awaited below
		for _, step := range []struct {
			name   string
			change func()
			want   string // of first, second, third
			logged int    // lines, from the start
		}{
			{"the first", func() {}, "first", 0},
			{"one more, for a change-over", func() { write("first\n\n second \n") }, "first second", 1},
			{"the change is over", func() { write("second") }, "second", 2},
			{"an empty file", func() { write("\n# none\n") }, "second", 3},
			{"no file", func() { _ = os.Remove(file) }, "second", 4},
			{"a file with something else", func() { write("third with words") }, "second", 5},
			{"the same file again", func() { write("second") }, "second", 5},
			{"another file in its place", func() {
				next := file + ".next"
				if err := os.WriteFile(next, []byte("third"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(next, file); err != nil {
					t.Fatal(err)
				}
			}, "third", 6},
		} {
			step.change()
			time.Sleep(3 * tokenInterval)
			synctest.Wait()
			var got []string
			for _, token := range []string{"first", "second", "third"} {
				if all.accept(token) {
					got = append(got, token)
				}
			}
			if strings.Join(got, " ") != step.want || !all.accept("given") || all.accept("") || !all.demanded() {
				t.Errorf("%s: it accepts %v, want %s and the one of the configuration", step.name, got, step.want)
			}
			if lines := strings.Count(log.String(), "\n"); lines != step.logged {
				t.Errorf("%s: %d lines were logged, want %d:\n%s", step.name, lines, step.logged, log.String())
			}
		}
		if strings.Contains(log.String(), "third with") || strings.Contains(log.String(), "second") {
			t.Errorf("a token is in the log: %s", log.String())
		}
		all.give("other")
		if all.accept("given") || !all.accept("other") || !all.accept("third") {
			t.Error("after a reload: not the token of the new configuration and those of the file")
		}
		stop()
		<-done
	})
}

func TestTokensThatCannotBe(t *testing.T) {
	folder := t.TempDir()
	long := filepath.Join(folder, "long")
	if err := os.WriteFile(long, bytes.Repeat([]byte("a\n"), maxTokenFile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ token, file, want string }{
		{"two words", "", "one word"},
		{"grüß", "", "one word"},
		{"", folder, "no regular file"},
		{"", filepath.Join(folder, "none"), "no such file"},
		{"", long, "more than"},
	} {
		config := DevConfig()
		config.HTTPToken, config.HTTPTokenFile = tc.token, tc.file
		err := config.Validate()
		if err == nil || !strings.Contains(err.Error(), tc.want) || tc.token != "" && strings.Contains(err.Error(), tc.token) {
			t.Errorf("token %q, file %q: got %v, want something about %q, without the token", tc.token, tc.file, err, tc.want)
		}
	}
}

// FuzzTokens: whatever a file has, it gives tokens that a header can carry, one
// in a line, or an error; never none.
func FuzzTokens(f *testing.F) {
	for _, seed := range []string{"a", "a\nb\n", " a \r\n#b\r\n\r\n", "a b", "\x00", "#", "", "\xef\xbb\xbfa", "a\rb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseTokens([]byte(text))
		if err == nil && len(all) == 0 {
			t.Fatal("no token, and no error")
		}
		for _, token := range all {
			if !isToken(token) || !slices.Contains(strings.Fields(text), token) {
				t.Errorf("%q gave %q", text, token)
			}
		}
	})
}
