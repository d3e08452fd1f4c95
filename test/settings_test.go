package test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/test/program"
)

// TestAgentLivesByItsFile tells how an agent is started as programs start
// Consul's, reads its file again when it is told to, and stays as it was when
// the file is wrong.
func TestAgentLivesByItsFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, socket, pid := filepath.Join(folder, "agent.hcl"), filepath.Join(folder, "agent.sock"), filepath.Join(folder, "pid")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, "addresses { http = \"127.0.0.1 unix://%s\" }\n%s\n", socket, text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`service { name = "one" }`)
	agent, err := program.Start(program.Spec{Name: "muster", Path: muster, Args: []string{
		"agent", "-server", "-data-dir", filepath.Join(folder, "data"), "-bootstrap-expect", "1", "-bind", "127.0.0.1",
		"-http-port", "0", "-dns-port", "-1", "-serf-lan-port", "1", "-raft-protocol=3", "-ui", "-config-file", file, "-pid-file", pid,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := agent.End(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	client, err := consul.NewClient(&consul.Config{Address: "http://socket", HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	announces := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			services, _, err := client.Catalog().Services((&consul.QueryOptions{}).WithContext(ctx))
			if _, there := services[name]; err == nil && (!there || len(services) != 2) {
				err = fmt.Errorf("the services are %v, want %s", services, name)
			}
			return err
		}
	}
	says := func(text string) func(context.Context) error {
		return func(context.Context) error {
			if !strings.Contains(agent.Output(), text) {
				return fmt.Errorf("it did not say %q", text)
			}
			return nil
		}
	}
	await := func(probe func(context.Context) error) {
		t.Helper()
		if err := agent.Await(ctx, probe); err != nil {
			t.Fatal(err)
		}
	}
	await(announces("one"))
	await(says("kept in "))
	if text, err := os.ReadFile(pid); err != nil || string(text) != fmt.Sprint(agent.PID()) {
		t.Errorf("the file with the process id has %q, %v, want %d", text, err, agent.PID())
	}

	write(`service { name = "two" }`)
	if err := agent.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await(announces("two"))
	write(`service { name = "three" }` + "\nlog_level = \"debug\"")
	if err := client.Agent().Reload(); err != nil {
		t.Fatal(err)
	}
	await(announces("three"))
	await(says("request finished")) // which is told at that level only

	write(`service { name = "four" }` + "\nbogus = 1")
	fault := file + ":3: bogus: no such key"
	if err := client.Agent().Reload(); err == nil || !strings.Contains(err.Error(), "500") || !strings.Contains(err.Error(), fault) {
		t.Errorf("reload of a wrong file: got %v, want %s", err, fault)
	}
	if err := agent.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await(says("all stays as it was"))
	await(announces("three"))

	if err := agent.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := agent.Wait(ctx); err != nil || code != 0 {
		t.Errorf("it ended with %d, %v, want 0", code, err)
	}
	for _, left := range []string{socket, pid} {
		if _, err := os.Stat(left); err == nil {
			t.Errorf("it left %s behind", left)
		}
	}
}
