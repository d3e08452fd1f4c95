package command

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// muster runs a command and returns its exit code and what it printed.
func muster(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = Run(context.Background(), append([]string{"muster"}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestSnapshotGoesToAFileAndBack(t *testing.T) {
	registry := agenttest.Start(t)
	kv := registry.Client().KV()
	put := func(value string) {
		t.Helper()
		if _, err := kv.Put(&consul.KVPair{Key: "key", Value: []byte(value)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "state.snap")
	if err := os.WriteFile(file, []byte("an older one"), 0o644); err != nil {
		t.Fatal(err)
	}

	put("saved")
	if code, stdout, stderr := muster(t, "snapshot", "save", "-http-addr", registry.Addr, file); code != 0 || !strings.HasPrefix(stdout, "snapshot saved and verified to index ") {
		t.Fatalf("save: %d, %q, %q", code, stdout, stderr)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want it readable by its owner alone", info.Mode(), err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("something was left behind: %v, %v", files, err)
	}
	if code, stdout, stderr := muster(t, "snapshot", "inspect", file); code != 0 || !strings.Contains(stdout, "\nentries       1 ") {
		t.Errorf("inspect: %d, %q, %q", code, stdout, stderr)
	}

	put("changed")
	t.Setenv(consul.HTTPAddrEnvName, registry.Addr)
	if code, stdout, stderr := muster(t, "snapshot", "restore", file); code != 0 || stdout != "snapshot restored\n" {
		t.Fatalf("restore: %d, %q, %q", code, stdout, stderr)
	}
	if entry, _, err := kv.Get("key", nil); err != nil || string(entry.Value) != "saved" {
		t.Errorf("the key is %+v, %v", entry, err)
	}

	// A file that is not whole is told from one that is, and changes nothing.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(folder, "broken.snap")
	if err := os.WriteFile(broken, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	put("kept")
	for _, command := range []string{"restore", "inspect"} {
		if code, _, stderr := muster(t, "snapshot", command, broken); code != exitFailed || !strings.Contains(stderr, "unexpected EOF") {
			t.Errorf("%s: %d, %q", command, code, stderr)
		}
	}
	if entry, _, err := kv.Get("key", nil); err != nil || string(entry.Value) != "kept" {
		t.Errorf("the key is %+v, %v", entry, err)
	}
}

// TestSaveKeepsTheOldFile: when no new one comes whole.
func TestSaveKeepsTheOldFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "state.snap")
	if err := os.WriteFile(file, []byte("an older one"), 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := answering(t, http.StatusOK, "no snapshot")
	if code, _, stderr := muster(t, "snapshot", "save", "-http-addr", stranger, file); code != exitFailed || !strings.Contains(stderr, "verify the snapshot that was received") {
		t.Errorf("got %d, %q", code, stderr)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "an older one" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("something was left behind: %v, %v", files, err)
	}
}
