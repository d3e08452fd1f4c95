// Package agenttest gives tests a real registry: in the test's own process,
// on a free port, gone when the test ends. It needs no program on PATH, no
// set-up and no waiting.
//
//	func TestMine(t *testing.T) {
//		registry := agenttest.Start(t)
//		client := registry.Client() // github.com/hashicorp/consul/api
//		consul, err := consul.New(registry.ConfigFor("orders"), consul.Config{})
//		...
//	}
//
// # What can go wrong
//
// [Agent.Fail] makes the registry fail for everybody, or for some of its
// clients, until it is healed: [Down], [Hang], [Slow], [Status], [Busy], [Empty].
// Clients with names of their own, by [Agent.ClientFor] and [Agent.AddrFor], can
// be cut off alone ([Agent.Partition]). [Agent.Kill], [Agent.Restart] and
// [Agent.Reset] end a registry and start it again.
//
// # Time
//
// With [InMemory] it works inside of a bubble of testing/synctest: connections
// are in memory, and a TTL of 30 seconds runs out in no time.
//
// It is one registry, not a cluster, and it does what `muster agent -dev` does;
// what a real Consul does can be tried on a real one only.
package agenttest

import (
	"net/http"
	"sync"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
)

// Agent is a running registry. Its methods are safe for concurrent use, but for
// those that end and start it.
type Agent struct {
	// Addr is where its API listens, and DNSAddr where its DNS does, as
	// host:port; DNSAddr is empty where there is none. They stay the same
	// however often it is started. A registry in memory listens nowhere, and
	// Addr is only what it is called.
	Addr    string
	DNSAddr string

	t       T
	config  agent.Config // to start it with, again and again
	gate    *gate
	client  *consul.Client
	running *life // nil while it is killed

	mu      sync.Mutex
	clients map[string]*consul.Client
	idle    []*http.Transport // whose connections the end closes
}

// T is what a registry needs of a test, and a *testing.T, *testing.B or
// *testing.F has. Errorf is called when the registry ends with an error, Fatalf
// when it cannot be started, and what is given to Cleanup ends it.
type T interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// InMemory has a registry that listens nowhere, as an argument of [Start]: its
// clients are those that [Agent.Client] and [Agent.ClientFor] return, and reach
// it over connections in memory. It has no DNS. Everything of it happens in the
// bubble of testing/synctest in which it was started, by the bubble's time.
func InMemory(c *agent.Config) { c.HTTPAddr, c.DNSAddr = "", "" }

// Start runs a registry in memory until the test ends. It is ready when Start
// returns, and it may be called any number of times at once. Each adjust may
// change how it is configured: with a DataDir it keeps what it knows when it is
// started again.
func Start(t T, adjust ...func(*agent.Config)) *Agent {
	t.Helper()
	config := agent.DevConfig()
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0", "127.0.0.1:0"
	config.MaxConnsPerClient = 0 // all of a test comes from one address
	for _, change := range adjust {
		change(&config)
	}
	a := &Agent{t: t, gate: newGate(config.HTTPAddr), clients: map[string]*consul.Client{}}
	config.HTTPAddr = "" // the gate listens there
	a.config = config
	door, err := a.gate.door("")
	if err != nil {
		t.Fatalf("start a registry: %v", err)
	}
	t.Cleanup(a.end)
	a.Addr = door.address
	a.begin()
	if served := a.running.agent.DNSAddrs(); len(served) > 0 {
		a.DNSAddr = served[0]
		a.config.DNSAddr = a.DNSAddr // when it is started again, too
	}
	a.client = a.ClientFor("")
	return a
}

// Client returns a client of the registry, whatever the environment says. It
// is the same one at each call, and safe for concurrent use.
func (a *Agent) Client() *consul.Client { return a.client }

// ClientFor returns the client with this name, which faults may name. It reaches
// the registry by an address of its own, [Agent.AddrFor]; for each name it is the
// same one at each call. The empty name is [Agent.Client]'s.
func (a *Agent) ClientFor(name string) *consul.Client {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if client := a.clients[name]; client != nil {
		return client
	}
	client, err := consul.NewClient(a.configFor(name))
	if err != nil {
		a.t.Fatalf("client of a registry: %v", err)
	}
	a.clients[name] = client
	return client
}

// ConfigFor returns what a client with this name is made with, with connections of
// its own: for those who make clients by themselves, in memory too.
func (a *Agent) ConfigFor(name string) *consul.Config {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.configFor(name)
}

// configFor is ConfigFor for who holds the mutex.
func (a *Agent) configFor(name string) *consul.Config {
	a.t.Helper()
	door, err := a.gate.door(name)
	if err != nil {
		a.t.Fatalf("an address of the registry for %q: %v", name, err)
	}
	transport := &http.Transport{DialContext: door.dial}
	a.idle = append(a.idle, transport)
	return &consul.Config{Address: door.address, Token: a.config.HTTPToken, HttpClient: &http.Client{Transport: transport}}
}

// AddrFor returns the address, host:port, by which the client with this name
// reaches the registry: for clients that are made elsewhere.
func (a *Agent) AddrFor(name string) string {
	a.t.Helper()
	door, err := a.gate.door(name)
	if err != nil {
		a.t.Fatalf("an address of the registry for %q: %v", name, err)
	}
	return door.address
}

// end is the test's.
func (a *Agent) end() {
	a.Heal()
	a.stop()
	a.gate.close()
	for _, transport := range a.idle {
		transport.CloseIdleConnections()
	}
}
