package test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	consul "github.com/hashicorp/consul/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	health1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// watched is a service with one check, and what turns its target ill and well.
type watched struct {
	name  string
	check any // as it is registered over HTTP
	turn  func(well bool)
}

// TestServiceLeavesAndComesBackByEveryKindOfCheck tells of a service for each
// kind of check: when its target is ill it leaves discovery, alone, and comes
// back when it is well.
func TestServiceLeavesAndComesBackByEveryKindOfCheck(t *testing.T) {
	t.Parallel()
	client := agenttest.Start(t, func(c *agent.Config) { c.RemoteScripts = true }).Client()
	report := func(id string) func(bool) {
		return func(well bool) {
			status := consul.HealthCritical
			if well {
				status = consul.HealthPassing
			}
			if err := client.Agent().UpdateTTL(id, "told so", status); err != nil {
				t.Fatal(err)
			}
		}
	}
	web, serving := startWeb(t)
	tcp, listening := startServer(t, func(l net.Listener) (stop func()) { return func() { _ = l.Close() } })
	ping, pinged := startServer(t, func(l net.Listener) (stop func()) { return serveGRPC(l, health.NewServer()) })
	udp, hearing := startUDP(t)
	service, setHealth := startHealth(t)
	file, write := startFile(t)
	leaveAndComeBack(t, client, []watched{
		{"http", consul.AgentServiceCheck{HTTP: web, Interval: "1s"}, serving},
		{"tcp", consul.AgentServiceCheck{TCP: tcp, Interval: "1s"}, listening},
		{"udp", consul.AgentServiceCheck{UDP: udp, Interval: "1s", Timeout: "200ms"}, hearing},
		{"grpc", consul.AgentServiceCheck{GRPC: service + "/shop", Interval: "1s"}, setHealth},
		{"h2ping", map[string]any{"H2PING": ping, "H2PingUseTLS": false, "Interval": "1s"}, pinged},
		{"ttl", consul.AgentServiceCheck{CheckID: "ttl", TTL: "1h", Status: consul.HealthPassing}, report("ttl")},
		{"script", consul.AgentServiceCheck{Args: []string{muster, "validate", file}, Interval: "1s"}, write},
	})
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{
		Name: "alias", Check: &consul.AgentServiceCheck{AliasService: "ttl"},
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, client, "alias", 1)
	report("ttl")(false)
	expect(t, client, "alias", 0)
	report("ttl")(true)
	expect(t, client, "alias", 1)
}

// TestServiceFollowsAUnitOfSystemd is the same for a service of the operating
// system, with a systemctl of the test's own.
func TestServiceFollowsAUnitOfSystemd(t *testing.T) {
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(folder, systemctl)); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(folder, "state")
	turn := func(well bool) {
		word := "failed"
		if well {
			word = "active"
		}
		if err := os.WriteFile(state+".new", []byte(word), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(state+".new", state); err != nil { // never half a word
			t.Fatal(err)
		}
	}
	turn(true)
	t.Setenv("PATH", folder)
	t.Setenv(systemctlSays, state)
	client := agenttest.Start(t).Client()
	leaveAndComeBack(t, client, []watched{{"unit", map[string]string{"OSService": "shop", "Interval": "1s"}, turn}})
}

// systemctl is the name under which the test's own binary plays it; it says
// what is in the file that the variable names.
const (
	systemctl     = "systemctl"
	systemctlSays = "MUSTER_TEST_SYSTEMCTL_SAYS"
)

// beSystemctl answers as systemctl is-active does.
func beSystemctl() {
	word, err := os.ReadFile(os.Getenv(systemctlSays))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(string(word))
	if string(word) != "active" {
		os.Exit(3)
	}
	os.Exit(0)
}

// leaveAndComeBack turns one after the other ill and well, and sees that it is
// the one that leaves and comes back.
func leaveAndComeBack(t *testing.T, client *consul.Client, all []watched) {
	t.Helper()
	for _, w := range all {
		service := map[string]any{"Name": w.name, "Check": w.check} // Consul's client does not know every kind
		if _, err := client.Raw().Write("/v1/agent/service/register", service, nil, nil); err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
	}
	for _, w := range all {
		expect(t, client, w.name, 1)
		w.turn(false)
		expect(t, client, w.name, 0)
		for _, other := range all {
			if other.name != w.name {
				expect(t, client, other.name, 1)
			}
		}
		w.turn(true)
		expect(t, client, w.name, 1)
	}
}

// expect waits until a service has as many healthy instances.
func expect(t *testing.T, client *consul.Client, name string, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*slack)
	defer cancel()
	for index := uint64(0); ; {
		found, meta, err := client.Health().Service(name, "", true, (&consul.QueryOptions{WaitIndex: index}).WithContext(ctx))
		if err != nil {
			checks, _, _ := client.Health().Checks(name, nil)
			for _, c := range checks {
				t.Logf("%s is %s: %s", c.CheckID, c.Status, c.Output)
			}
			t.Fatalf("%s does not come to have %d healthy instances: %v", name, want, err)
		}
		if len(found) == want {
			return
		}
		index = meta.LastIndex
	}
}

// startWeb serves 200 or 503.
func startWeb(t *testing.T) (url string, serving func(bool)) {
	t.Helper()
	var ill atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if ill.Load() {
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func(well bool) { ill.Store(!well) }
}

// startServer runs a server that can be stopped and started again at the same
// address.
func startServer(t *testing.T, serve func(net.Listener) (stop func())) (address string, running func(bool)) {
	t.Helper()
	stop := func() {}
	address = "127.0.0.1:0"
	running = func(well bool) {
		stop()
		stop = func() {}
		if !well {
			return
		}
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		address = listener.Addr().String()
		stop = serve(listener)
	}
	running(true)
	t.Cleanup(func() { stop() })
	return address, running
}

// serveGRPC serves health over gRPC until it is stopped.
func serveGRPC(listener net.Listener, statuses *health.Server) (stop func()) {
	server := grpc.NewServer()
	health1.RegisterHealthServer(server, statuses)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends with Stop
	return func() {
		server.Stop()
		serving.Wait()
	}
}

// startHealth serves the health of the service shop over gRPC.
func startHealth(t *testing.T) (address string, set func(bool)) {
	t.Helper()
	statuses := health.NewServer()
	set = func(well bool) {
		status := health1.HealthCheckResponse_NOT_SERVING
		if well {
			status = health1.HealthCheckResponse_SERVING
		}
		statuses.SetServingStatus("shop", status)
	}
	set(true)
	address, _ = startServer(t, func(l net.Listener) (stop func()) { return serveGRPC(l, statuses) })
	return address, set
}

// startUDP is a port that can be closed and opened again.
func startUDP(t *testing.T) (address string, open func(bool)) {
	t.Helper()
	address = "127.0.0.1:0"
	var conn net.PacketConn
	open = func(well bool) {
		if conn != nil {
			_ = conn.Close()
			conn = nil
		}
		if !well {
			return
		}
		opened, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn, address = opened, opened.LocalAddr().String()
	}
	open(true)
	t.Cleanup(func() { open(false) })
	return address, open
}

// startFile is a file that muster validate finds right or wrong.
func startFile(t *testing.T) (path string, right func(bool)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "muster.hcl")
	right = func(well bool) {
		text := "no_such_key = 1\n"
		if well {
			text = "data_dir = \"data\"\n"
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	right(true)
	return path, right
}
