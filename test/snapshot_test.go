//go:build conformance

package test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/test/registry"
)

// TestSnapshotWithConsulsTools: consul snapshot save takes muster's snapshot for
// whole, and restore brings it back; a Consul refuses it and goes on, and
// muster refuses one of Consul's.
func TestSnapshotWithConsulsTools(t *testing.T) {
	program, folder := consulProgram(t), t.TempDir()
	snapshot := func(address string, args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, append([]string{"snapshot", args[0], "-http-addr", address}, args[1:]...)...).CombinedOutput()
		return string(out), err
	}
	cluster, err := registry.New(registry.Consul(program))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.End(); err != nil {
			t.Errorf("end Consul: %v", err)
		}
	})
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	realClient, err := consul.NewClient(&consul.Config{Address: cluster.URL("")})
	if err != nil {
		t.Fatal(err)
	}
	muster := agenttest.Start(t)
	for name, c := range map[string]struct {
		address string
		client  *consul.Client
	}{"muster": {muster.Addr, muster.Client()}, "consul": {cluster.URL(""), realClient}} {
		file := filepath.Join(folder, name)
		if _, err := c.client.KV().Put(&consul.KVPair{Key: "who", Value: []byte(name)}, nil); err != nil {
			t.Fatal(err)
		}
		if out, err := snapshot(c.address, "save", file); err != nil || !strings.HasPrefix(out, "Saved and verified snapshot to index ") {
			t.Errorf("save of %s: %v, %s", name, err, out)
		}
		if _, err := c.client.KV().Delete("who", nil); err != nil {
			t.Fatal(err)
		}
		if out, err := snapshot(c.address, "restore", file); err != nil || out != "Restored snapshot\n" {
			t.Errorf("restore of %s: %v, %s", name, err, out)
		}
	}
	for _, c := range []struct {
		name, address, file, want string
		client                    *consul.Client
	}{
		{"muster", muster.Addr, "consul", "it is a snapshot of Consul's, which only a Consul can restore", muster.Client()},
		{"consul", cluster.URL(""), "muster", "unsupported snapshot version 1000001", realClient},
	} {
		if out, err := snapshot(c.address, "restore", filepath.Join(folder, c.file)); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("restore of the other's by %s: %v, %s", c.name, err, out)
		}
		if entry, _, err := c.client.KV().Get("who", nil); err != nil || entry == nil || string(entry.Value) != c.name {
			t.Errorf("%s has %+v, %v", c.name, entry, err)
		}
	}
}
