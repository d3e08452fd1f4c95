package consul_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/realjf/muster/discover/consul"
)

func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	token := consul.TokenFile(path)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := token(); err == nil {
		t.Error("no file: want an error")
	}
	write("  \n")
	if _, err := token(); err == nil {
		t.Error("an empty file: want an error")
	}
	for _, step := range []struct{ text, want string }{
		{"one\n", "one"},
		{"another", "another"},
		{"", "another"}, // as when it is being written
		{"third", "third"},
	} {
		write(step.text)
		if got, err := token(); err != nil || got != step.want {
			t.Errorf("file with %q: got %q, error %v; want %q", step.text, got, err, step.want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := token(); err != nil || got != "third" {
		t.Errorf("the file is gone: got %q, error %v; want the last token", got, err)
	}
}
