// Package agenttest gives tests a real registry: in the test's own process,
// on a free port, gone when the test ends. It needs no program on PATH, no
// set-up and no waiting.
//
//	func TestMine(t *testing.T) {
//		registry := agenttest.Start(t)
//		client := registry.Client() // github.com/hashicorp/consul/api
//		...
//	}
package agenttest

import (
	"context"
	"net/http"
	"testing"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
)

// Agent is a running registry.
type Agent struct {
	// Addr is where its API listens, and DNSAddr where its DNS does, as
	// host:port.
	Addr    string
	DNSAddr string

	client *consul.Client
}

// Start runs a registry in memory until the test ends. It is ready when Start
// returns, and it may be called any number of times at once. Each adjust may
// change how it is configured.
func Start(t testing.TB, adjust ...func(*agent.Config)) *Agent {
	t.Helper()
	config := agent.DevConfig()
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0", "127.0.0.1:0"
	config.MaxConnsPerClient = 0 // all of a test comes from one address
	for _, change := range adjust {
		change(&config)
	}
	a, err := agent.New(config)
	if err != nil {
		t.Fatalf("start a registry: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // ends with ctx, awaited in the cleanup

	addr := a.HTTPAddr().String()
	transport := &http.Transport{}
	client, err := consul.NewClient(&consul.Config{Address: addr, Token: config.HTTPToken, HttpClient: &http.Client{Transport: transport}})
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the registry ended: %v", err)
		}
		transport.CloseIdleConnections()
	})
	if err != nil {
		t.Fatalf("client of a registry: %v", err)
	}
	started := &Agent{Addr: addr, client: client}
	if served := a.DNSAddrs(); len(served) > 0 {
		started.DNSAddr = served[0]
	}
	return started
}

// Client returns a client of the registry, whatever the environment says. It
// is the same one at each call, and safe for concurrent use.
func (a *Agent) Client() *consul.Client { return a.client }
