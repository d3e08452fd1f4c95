package agent_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
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
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0", "127.0.0.1:0"
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
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0", "127.0.0.1:0"
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

// TestConnectionsPerClientAreLimited: one connection more than the limit is
// told so before it asked anything, and one that ends makes room for another.
func TestConnectionsPerClientAreLimited(t *testing.T) {
	const limit = 5
	registry := agenttest.Start(t, func(c *agent.Config) { c.MaxConnsPerClient = limit })
	// dial connects, asks if it is to, and returns the answer's status. It does
	// without an HTTP client, which would not read an answer to no question.
	dial := func(asks bool) (net.Conn, int) {
		t.Helper()
		conn, err := net.Dial("tcp", registry.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if asks {
			if _, err := io.WriteString(conn, "GET /v1/status/leader HTTP/1.1\r\nHost: registry\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return conn, response.StatusCode
	}
	var held []net.Conn
	for range limit {
		conn, code := dial(true)
		if code != http.StatusOK {
			t.Fatalf("within the limit: got %d", code)
		}
		held = append(held, conn)
	}
	if _, code := dial(false); code != http.StatusTooManyRequests {
		t.Errorf("over the limit: got %d, want 429", code)
	}
	if err := held[0].Close(); err != nil {
		t.Fatal(err)
	}
	if code := eventually(t, func() (int, bool) {
		conn, err := net.Dial("tcp", registry.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// An accepted connection hears nothing; a refused one its answer.
		if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, _ := conn.Read(make([]byte, 1))
		return n, n == 0
	}); code != 0 {
		t.Error("a connection that ended made no room for another")
	}
}

// eventually repeats try until it says that this is what was waited for, but
// not for ever, and returns what it last gave.
func eventually(t *testing.T, try func() (int, bool)) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		got, done := try()
		if done || time.Now().After(deadline) {
			return got
		}
	}
}
