package command

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/realjf/muster/config"
)

func TestLogFileBeginsAnew(t *testing.T) {
	for _, tc := range []struct {
		name  string
		path  string // in a folder
		cfg   config.LogFile
		lines []string
		now   string // what is in the file at the end
		files int    // there are then
	}{
		{"without bounds", "a.log", config.LogFile{}, []string{"1\n", "2\n"}, "1\n2\n", 1},
		{"too long", "a.log", config.LogFile{Bytes: 5}, []string{"123\n", "456\n", "7\n"}, "7\n", 3},
		{"a line of more than there is room for", "a.log", config.LogFile{Bytes: 2}, []string{"123\n"}, "123\n", 1},
		{"two old ones", "a.log", config.LogFile{Bytes: 1, Keep: 2}, []string{"1", "2", "3", "4"}, "4", 3},
		{"no old ones", "a.log", config.LogFile{Bytes: 1, Keep: -1}, []string{"1", "2", "3"}, "3", 1},
		{"too old", "a.log", config.LogFile{Span: time.Nanosecond}, []string{"1", "2"}, "2", 3},
		{"no extension", "a", config.LogFile{}, []string{"1"}, "1", 1},
		{"a folder", "", config.LogFile{}, []string{"1"}, "1", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			tc.cfg.Path = folder + string(filepath.Separator) + tc.path
			file, err := openLogFile(tc.cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range tc.lines {
				if _, err := file.Write([]byte(line)); err != nil {
					t.Fatal(err)
				}
			}
			if err := file.close(); err != nil {
				t.Fatal(err)
			}
			name := map[string]string{"": "consul.log", "a": "a.log"}[tc.path]
			if name == "" {
				name = tc.path
			}
			text, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil || string(text) != tc.now {
				t.Errorf("%s has %q, %v, want %q", name, text, err, tc.now)
			}
			if files, err := os.ReadDir(folder); err != nil || len(files) != tc.files {
				t.Errorf("there are %d files, %v, want %d", len(files), err, tc.files)
			}
		})
	}
	if _, err := openLogFile(config.LogFile{Path: filepath.Join(t.TempDir(), "no", "folder.log")}); err == nil {
		t.Error("a log in no folder was opened")
	}
}
