package agent_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// TestSelfTellsWhatProgramsLookFor has what Nomad, Datadog and others read of
// an agent, and what consul info prints.
func TestSelfTellsWhatProgramsLookFor(t *testing.T) {
	folder := t.TempDir()
	registry := agenttest.Start(t, func(c *agent.Config) { c.DataDir, c.LongestWait, c.SerfPort = folder, time.Minute, 7 })
	self, err := registry.Client().Agent().Self()
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := net.SplitHostPort(registry.Addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"HTTPPort": port, "HTTPSPort": -1.0, "GRPCPort": -1.0, "ServerPort": 8300.0, "SerfPortLAN": 7.0, "AdvertiseAddrLAN": "127.0.0.1",
		"DataDir": folder, "MaxQueryTime": "1m0s", "DefaultQueryTime": "5m0s", "SessionTTLMin": "0s", "ConnectEnabled": false, "ServerMode": true,
	} {
		if got := self["DebugConfig"][name]; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if got, ok := self["DebugConfig"]["HTTPAddrs"].([]any); !ok || len(got) != 1 || got[0] != "tcp://"+registry.Addr {
		t.Errorf("got the addresses %v", got)
	}
	if got, ok := self["DebugConfig"]["DNSAddrs"].([]any); !ok || len(got) != 2 || got[0] != "tcp://"+registry.DNSAddr || got[1] != "udp://"+registry.DNSAddr {
		t.Errorf("got the addresses of DNS %v", got)
	}

	if _, _, err := registry.Client().Event().Fire(&consul.UserEvent{Name: "deploy"}, nil); err != nil {
		t.Fatal(err)
	}
	if self, err = registry.Client().Agent().Self(); err != nil {
		t.Fatal(err)
	}
	for group, figures := range map[string]map[string]any{
		"agent":    {"services": "0", "checks": "0", "check_ttls": "0"},
		"build":    {"version": agent.ConsulVersion},
		"consul":   {"leader": "true", "leader_addr": "127.0.0.1:8300"},
		"raft":     {"state": "Leader", "num_peers": "0"},
		"serf_lan": {"members": "1", "failed": "0", "event_time": "2"},
		"serf_wan": {"members": "1"},
		"runtime":  {},
	} {
		told, _ := self["Stats"][group].(map[string]any)
		if len(told) == 0 {
			t.Errorf("there are no figures %s", group)
		}
		for name, want := range figures {
			if told[name] != want {
				t.Errorf("%s.%s: got %v, want %v", group, name, told[name], want)
			}
		}
	}
}
