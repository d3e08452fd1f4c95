// Package agent is the registry: Consul's public HTTP API over a catalog in
// memory, with health checks, in one process.
//
// [New] builds the rooms and binds the doors, [Agent.Run] opens them and
// waits. The package assembles and never acts: what is known is in state,
// what this node announced in local, who finds out in check, who answers in
// api. It builds no cluster; where one machine is not enough, the same
// clients use a Consul cluster.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	consul "github.com/hashicorp/consul/api"
	connlimit "github.com/hashicorp/go-connlimit"

	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/monitor"
	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/direct"
	"github.com/realjf/muster/ui"
)

// consulVersion is the Consul whose public contract the agent keeps.
const consulVersion = "1.19.2"

// Agent is a registry with bound doors. Run it once.
type Agent struct {
	logger   *slog.Logger
	local    *local.Local
	sessions *session.Keeper
	http     net.Listener
	limit    *connlimit.Limiter // of connections per client
	door     http.Handler
	left     chan struct{} // closed when a client asked the agent to leave
}

// New validates the configuration, builds the registry and binds its port,
// so that an address in use is known here: [syscall.EADDRINUSE]. Connections
// are taken, and answered once Run is called. An agent that will not be run
// must be closed.
func New(config Config) (*Agent, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("agent configuration: %w", err)
	}
	log := monitor.New(config.Logger)
	logger := log.Logger("")
	store := state.New()
	announced, err := local.New(store, node(config), local.Config{Logger: logger})
	if err != nil {
		return nil, err
	}
	sessions := session.New(store, logger)
	left := make(chan struct{})
	v1 := api.New(store, announced, sessions, api.Config{
		Pretty: config.Pretty, Version: config.Version, Log: log,
		Leave:    sync.OnceFunc(func() { close(left) }),
		Settings: api.Settings{EnableDebug: config.EnableDebug},
	})
	// The page is a client of the public API like any other; only its
	// requests take the short way.
	client, err := consul.NewClient(&consul.Config{
		Address:    "registry",
		HttpClient: &http.Client{Transport: direct.Transport(v1)},
	})
	if err != nil {
		return nil, fmt.Errorf("client for the page: %w", err)
	}
	door := http.NewServeMux()
	door.Handle("/", v1)
	door.Handle("GET /{$}", http.RedirectHandler("/ui/", http.StatusMovedPermanently))
	door.Handle("/ui/", ui.New(client))

	listener, err := net.Listen("tcp", config.HTTPAddr)
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	return &Agent{logger: logger, local: announced, sessions: sessions, http: listener,
		limit: connlimit.NewLimiter(connlimit.Config{MaxConnsPerClientIP: config.MaxConnsPerClient}),
		door:  door, left: left}, nil
}

// node is the machine as Consul's catalog describes one.
func node(config Config) state.Node {
	family := "ipv4"
	if net.ParseIP(config.NodeAddress).To4() == nil {
		family = "ipv6"
	}
	addresses := map[string]string{}
	for _, side := range []string{"lan", "wan"} {
		addresses[side] = config.NodeAddress
		addresses[side+"_"+family] = config.NodeAddress
	}
	return state.Node{
		ID: uuid.NewString(), Node: config.Node, Address: config.NodeAddress, Datacenter: config.Datacenter,
		TaggedAddresses: addresses,
		Meta:            map[string]string{"consul-network-segment": "", "consul-version": consulVersion},
	}
}

// HTTPAddr returns the address that the API listens on.
func (a *Agent) HTTPAddr() net.Addr { return a.http.Addr() }

// Close releases the port of an agent that was never run.
func (a *Agent) Close() error { return a.http.Close() }

// Run serves until ctx ends or a client asks the agent to leave, then answers
// blocked reads, closes the port, waits for everything it started, and returns
// nil. It returns an error when serving fails.
func (a *Agent) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := &http.Server{
		Handler: a.door,
		// Every request ends with the agent: blocked reads need no other word.
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
		ConnState:         a.limit.HTTPConnStateFuncWithDefault429Handler(10 * time.Millisecond),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(a.http) }() // ends with Shutdown; awaited below
	var rooms sync.WaitGroup
	rooms.Go(func() { _ = a.local.Run(ctx) }) // these end with ctx; awaited below
	rooms.Go(func() { a.sessions.Run(ctx) })
	rooms.Go(func() {
		select {
		case <-a.left:
			a.logger.Info("registry was asked to leave")
			stop()
		case <-ctx.Done():
		}
	})
	a.logger.Info("registry is open", "http", a.HTTPAddr().String(), "node", a.local.Node().Node)

	var failure error
	select {
	case <-ctx.Done():
		// A moment for the answers under way to leave.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // whoever is too slow now is cut off
		}
		<-served
	case failure = <-served:
		failure = fmt.Errorf("serve the API: %w", failure)
		stop()
	}
	rooms.Wait()
	a.logger.Info("registry is closed")
	return failure
}
