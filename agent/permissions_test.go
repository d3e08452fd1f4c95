package agent

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestOpenSecretsAreTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its permissions are others")
	}
	for _, tc := range []struct {
		folder, file fs.FileMode
		want         []string // what is advised
	}{
		{0o700, 0o600, nil},
		{0o750, 0o640, nil},
		{0o777, 0o600, []string{"chmod 700 "}},
		{0o770, 0o600, []string{"chmod 700 "}},
		{0o701, 0o644, []string{"chmod 700 ", "chmod 600 "}},
		{0o700, 0o660, []string{"chmod 600 "}},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "tokens")
		if err := os.WriteFile(file, []byte("t"), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, mode := range map[string]fs.FileMode{file: tc.file, folder: tc.folder} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
		var log bytes.Buffer
		Config{DataDir: folder, HTTPTokenFile: file}.tellPermissions(slog.New(slog.NewTextHandler(&log, nil)))
		if got := strings.Count(log.String(), "level=WARN"); got != len(tc.want) {
			t.Errorf("%v, %v: %d warnings, want %d", tc.folder, tc.file, got, len(tc.want))
		}
		for _, want := range tc.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%v, %v: %q is not advised:\n%s", tc.folder, tc.file, want, log.String())
			}
		}
	}
}
