package agent_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPortInUseIsKnownAtOnce(t *testing.T) {
	config := agent.DevConfig()
	config.HTTPAddr = agenttest.Start(t).Addr
	if _, err := agent.New(config); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want that the address is in use", err)
	}
}

func TestCloseReleasesThePort(t *testing.T) {
	config := agent.DevConfig()
	config.HTTPAddr = "127.0.0.1:0"
	first, err := agent.New(config)
	if err != nil {
		t.Fatal(err)
	}
	config.HTTPAddr = first.HTTPAddr().String()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := agent.New(config)
	if err != nil {
		t.Fatalf("the port of a closed agent: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*agent.Config)
		want  string
	}{
		{"no port", func(c *agent.Config) { c.HTTPAddr = "127.0.0.1" }, `HTTP address "127.0.0.1"`},
		{"a host name", func(c *agent.Config) { c.HTTPAddr = "localhost:1" }, "must be an IP address"},
		{"a negative limit", func(c *agent.Config) { c.MaxConnsPerClient = -1 }, "connections per client -1"},
		{"no node name", func(c *agent.Config) { c.Node = "" }, "node name"},
		{"an unprintable node name", func(c *agent.Config) { c.Node = "a\x00b" }, "node name"},
		{"a node address that is none", func(c *agent.Config) { c.NodeAddress = "here" }, `node address "here"`},
		{"a datacenter in capitals", func(c *agent.Config) { c.Datacenter = "DC1" }, `datacenter "DC1"`},
	} {
		config := agent.DevConfig()
		tc.spoil(&config)
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want something about %q", tc.name, err, tc.want)
		}
	}
	if err := agent.DevConfig().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
}

func TestRootLeadsToThePage(t *testing.T) {
	registry := agenttest.Start(t)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://" + registry.Addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.URL.Path != "/ui/" {
		t.Errorf("got %d from %s, want the page at /ui/", response.StatusCode, response.Request.URL)
	}
}

// TestManyReadersHearOfOneChange shows that all who wait are told, over real
// connections.
func TestManyReadersHearOfOneChange(t *testing.T) {
	registry := agenttest.Start(t)
	client := registry.Client()
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", ID: "web-1"}); err != nil {
		t.Fatal(err)
	}
	_, meta, err := client.Health().Service("web", "", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var readers sync.WaitGroup
	for range 200 {
		readers.Go(func() {
			options := (&consul.QueryOptions{WaitIndex: meta.LastIndex}).WithContext(ctx)
			found, now, err := client.Health().Service("web", "", true, options)
			switch {
			case err != nil:
				t.Errorf("a waiting reader got %v", err)
			case len(found) != 2 || now.LastIndex <= meta.LastIndex:
				t.Errorf("a waiting reader got %d instances at index %d, want 2 after %d", len(found), now.LastIndex, meta.LastIndex)
			}
		})
	}
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", ID: "web-2"}); err != nil {
		t.Fatal(err)
	}
	readers.Wait()
}

// TestLeaveEndsTheAgent shows that who asks an agent to leave is answered, and
// that Run then returns as if it had been stopped.
func TestLeaveEndsTheAgent(t *testing.T) {
	config := agent.DevConfig()
	config.HTTPAddr = "127.0.0.1:0"
	a, err := agent.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }() // ends by leaving, or with the test; awaited below

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := consul.NewClient(&consul.Config{Address: a.HTTPAddr().String(), HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Agent().Leave(); err != nil {
		t.Errorf("leave: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	if _, err := client.Status().Leader(); err == nil {
		t.Error("an agent that left still answers")
	}
}

// TestConnectionsPerClientAreLimited: one more than the limit is told so.
func TestConnectionsPerClientAreLimited(t *testing.T) {
	const limit = 5
	registry := agenttest.Start(t, func(c *agent.Config) { c.MaxConnsPerClient = limit })
	get := func() (*http.Response, error) {
		transport := &http.Transport{} // a connection of its own
		t.Cleanup(transport.CloseIdleConnections)
		return (&http.Client{Transport: transport}).Get("http://" + registry.Addr + "/v1/status/leader")
	}
	var held []*http.Response
	for range limit {
		response, err := get()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("within the limit: got %v, %v", response, err)
		}
		held = append(held, response)
	}
	response, err := get()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusTooManyRequests || !strings.HasPrefix(string(body), "Your IP is issuing too many concurrent connections") {
		t.Errorf("over the limit: got %d %q, %v", response.StatusCode, body, err)
	}
	for _, response := range held {
		response.Body.Close()
	}
}
