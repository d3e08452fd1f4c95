package test

import (
	"os"
	"path/filepath"
	"testing"

	consul "github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/sdk/testutil"
)

// TestConsulsTestKit: the kit that programs around Consul test themselves with
// starts whatever is called consul on the path, by a file of settings that it
// writes. It tries here what it tries there.
func TestConsulsTestKit(t *testing.T) {
	folder := t.TempDir()
	if err := os.Symlink(muster, filepath.Join(folder, "consul")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	server, err := testutil.NewTestServerConfigT(t, func(c *testutil.TestServerConfig) {
		c.NodeMeta = map[string]string{"rack": "7"}
		c.EnableDebug = true
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("the server did not end well: %v", err)
		}
	})
	server.WaitForLeader(t)
	server.WaitForSerfCheck(t)
	server.SetKVString(t, "a/b", "c")
	if got := server.GetKVString(t, "a/b"); got != "c" {
		t.Errorf("the key has %q, want c", got)
	}
	server.AddAddressableService(t, "web", "passing", "10.0.0.1", 80, []string{"v1"})

	client, err := consul.NewClient(&consul.Config{Address: server.HTTPAddr})
	if err != nil {
		t.Fatal(err)
	}
	self, err := client.Agent().Self()
	if err != nil {
		t.Fatal(err)
	}
	if got := self["Config"]["NodeID"]; got != server.Config.NodeID || self["Config"]["NodeName"] != server.Config.NodeName || self["Meta"]["rack"] != "7" {
		t.Errorf("got %v, %v, want what the file says", self["Config"], self["Meta"])
	}
	found, _, err := client.Health().Service("web", "v1", true, nil)
	if err != nil || len(found) != 1 || found[0].Service.Port != 80 {
		t.Errorf("got %v, %v, want the service", found, err)
	}
}
