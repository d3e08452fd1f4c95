// Package agent is the registry: Consul's public HTTP API and its DNS over a
// catalog in memory, with health checks, in one process.
//
// [New] builds the rooms and binds the doors, [Agent.Run] opens them and
// waits. The package assembles and never acts: what is known is in state,
// what this node announced in local, who finds out in check, who answers in
// api and in dns. It builds no cluster; where one machine is not enough, the same
// clients use a Consul cluster.
package agent

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	consul "github.com/hashicorp/consul/api"
	connlimit "github.com/hashicorp/go-connlimit"

	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/agent/credential"
	"github.com/realjf/muster/agent/dns"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/monitor"
	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/direct"
	"github.com/realjf/muster/ui"
)

// ConsulVersion is the Consul whose public contract the agent keeps.
const ConsulVersion = "1.19.2"

// Agent is a registry with bound doors. Run it once.
type Agent struct {
	logger   *slog.Logger
	store    *state.Store
	kept     io.Closer // closed when nobody writes the store any more
	api      *api.API
	local    *local.Local
	sessions *session.Keeper
	doors    listeners
	limit    *connlimit.Limiter // of connections per client
	door     *door
	guard    *guard
	dns      *dns.Server
	https    *credential.Keeper // nil where nobody speaks it
	dot      *credential.Keeper // of DNS over TLS; likewise
	left     chan struct{}      // closed when a client asked the agent to leave

	mu      sync.Mutex // one reconfiguration at a time
	config  Config     // as it is in force
	exposed []exposure // as it was told
}

// New validates the configuration, builds the registry and binds its port,
// so that an address in use is known here: [syscall.EADDRINUSE]. Connections
// are taken, and answered once Run is called. An agent that will not be run
// must be closed.
func New(config Config) (_ *Agent, err error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("agent configuration: %w", err)
	}
	log := monitor.New(config.Logger)
	logger := log.Logger("")
	entries, err := config.entries()
	if err != nil {
		return nil, err
	}
	store, kept, err := openStore(config, logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, kept.Close())
		}
	}()
	announced, err := local.New(store, node(config.resumed(store.Snapshot())), local.Config{
		Logger: logger, Keep: config.DataDir != "", RemoteScripts: config.RemoteScripts, LocalScripts: config.LocalScripts,
		OutputInterval: config.CheckUpdateInterval, FlapDamping: config.CheckFlapDamping, OutputMaxSize: config.CheckOutputMaxSize, DiscardOutput: config.DiscardCheckOutput, SidecarPorts: config.SidecarPorts, ServerPort: config.ServerPort,
		ProxiesAsRegistered: config.ProxiesAsRegistered,
	})
	if err != nil {
		return nil, err
	}
	if err := api.StoreEntries(announced, entries); err != nil {
		return nil, fmt.Errorf("store what the configuration says: %w", err)
	}
	definitions, err := config.announced()
	if err != nil {
		return nil, err
	}
	if err := announced.Configure(definitions); err != nil {
		return nil, fmt.Errorf("announce what the configuration says: %w", err)
	}
	sessions := session.New(store, session.Config{MinTTL: config.MinSessionTTL, Logger: logger})
	left := make(chan struct{})
	var leave func()
	if !config.Stay {
		leave = sync.OnceFunc(func() { close(left) })
	}
	tokens, err := newTokens(config, logger)
	if err != nil {
		return nil, err
	}
	v1 := api.New(store, announced, sessions, api.Config{
		Pretty: config.Pretty, Version: config.Version, Log: log,
		ServerPort: config.ServerPort, SerfPort: config.SerfPort, Telemetry: config.Telemetry,
		TrustDomain: config.TrustDomain,
		Leave:       leave,
		Reload:      config.Reload,
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
	v1.Handle("/ui/", ui.New(client))
	for _, path := range []string{"/{$}", "/ui"} {
		v1.Handle(path, http.RedirectHandler("/ui/", http.StatusMovedPermanently))
	}

	config.tellPermissions(logger)
	guard := newGuard(config, tokens, v1, log.Logger("http"))
	a := &Agent{logger: logger, store: store, kept: kept, api: v1, local: announced, sessions: sessions,
		limit: connlimit.NewLimiter(connlimit.Config{MaxConnsPerClientIP: config.MaxConnsPerClient}),
		door:  &door{rooms: guard}, guard: guard, left: left, config: config}
	if config.Front != nil {
		a.door.rooms = config.Front(guard)
	}
	a.door.headers.Store(headers(config))
	if err := a.takeCredentials(); err != nil {
		return nil, err
	}
	a.dns, err = dns.New(store, announced.Node, dns.Config{Domain: config.Domain, AltDomain: config.AltDomain, Logger: log.Logger("dns")}, config.dnsSettings())
	if err != nil {
		return nil, err
	}
	if a.doors, err = a.listen(); err != nil {
		return nil, err
	}
	v1.Adjust(a.settings())
	return a, nil
}

// listen binds all addresses, or none.
func (a *Agent) listen() (doors listeners, err error) {
	c := a.config
	var https *tls.Config
	if a.https != nil {
		https = a.https.Server("h2", "http/1.1")
	}
	if doors, err = listen(c, https, newCrowd(a.logger)); err != nil {
		return nil, err
	}
	door := "dns"
	err = listenDNS(c.DNSAddr, a.dns.Listen)
	if c.DNSIfFree && errors.Is(err, syscall.EADDRINUSE) {
		a.logger.Warn("DNS is not served: its address is in use", "at", c.DNSAddr)
		err = nil
	}
	if err == nil && a.dot != nil {
		door = "dns_tls"
		err = listenDNS(c.DNSTLSAddr, func(address string) error { return a.dns.ListenTLS(address, a.dot.Server("dot")) })
	}
	if err != nil {
		return nil, errors.Join(&DoorError{door, err}, doors.close(), a.dns.Close())
	}
	return doors, nil
}

// node is the machine as Consul's catalog describes one.
func node(config Config) state.Node {
	addresses := maps.Clone(config.TaggedAddresses)
	if addresses == nil {
		addresses = map[string]string{}
	}
	for side, address := range map[string]string{
		"lan": config.NodeAddress, "wan": cmp.Or(config.WANAddress, config.NodeAddress),
	} {
		family := "_ipv4"
		if net.ParseIP(address).To4() == nil {
			family = "_ipv6"
		}
		addresses[side], addresses[side+family] = address, address
	}
	id := strings.ToLower(config.NodeID)
	if id == "" {
		id = uuid.NewString()
	}
	return state.Node{
		ID: id, Node: config.Node, Address: config.NodeAddress, Datacenter: config.Datacenter,
		TaggedAddresses: addresses, Meta: nodeMeta(config),
	}
}

// nodeMeta is what the catalog has of the machine beside its addresses.
func nodeMeta(config Config) map[string]string {
	meta := maps.Clone(config.NodeMeta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta["consul-network-segment"], meta["consul-version"] = "", ConsulVersion
	return meta
}

// HTTPAddr returns the first address that the API listens on, or nil when it
// listens nowhere.
func (a *Agent) HTTPAddr() net.Addr {
	if len(a.doors) == 0 {
		return nil
	}
	return a.doors[0].Addr()
}

// URLs returns where the API can be reached: http://, https:// and unix://.
func (a *Agent) URLs() []string { return a.doors.urls() }

// DNSAddrs returns where DNS is served, as host:port.
func (a *Agent) DNSAddrs() []string { return a.dns.Addrs() }

// DNSTLSAddrs returns where DNS over TLS is served.
func (a *Agent) DNSTLSAddrs() []string { return a.dns.TLSAddrs() }

// Close releases the addresses of an agent that was never run.
func (a *Agent) Close() error { return errors.Join(a.doors.close(), a.dns.Close(), a.kept.Close()) }

// Run serves until ctx ends or a client asks the agent to leave, then answers
// blocked reads, closes the port, waits for everything it started, and returns
// nil. It returns an error when serving fails.
func (a *Agent) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a.mu.Lock()
	config := a.config
	a.mu.Unlock()
	server := &http.Server{
		Handler:           a.door,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    config.MaxHeaderBytes,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
		ConnState:         a.limit.HTTPConnStateFuncWithDefault429Handler(10 * time.Millisecond),
	}
	served := make(chan error, len(a.doors))
	for _, l := range a.doors {
		go func() { served <- server.Serve(l) }() // ends with Shutdown; awaited below
	}
	var rooms sync.WaitGroup
	deaf := make(chan error, 1)
	rooms.Go(func() { // ends with ctx; awaited below
		if err := a.dns.Run(ctx); err != nil {
			deaf <- err
		}
	})
	rooms.Go(func() { _ = a.local.Run(ctx) }) // these end with ctx; awaited below
	rooms.Go(func() { a.sessions.Run(ctx) })
	for _, keeper := range a.keepers() {
		rooms.Go(func() { keeper.Run(ctx) }) // likewise
	}
	rooms.Go(func() { a.guard.tokens.follow(ctx) })
	if config.DataDir != "" {
		rooms.Go(func() { lookAfter(ctx, a.store) }) // the same
	}
	rooms.Go(func() {
		select {
		case <-a.left:
			a.logger.Info("registry was asked to leave")
			stop()
		case <-ctx.Done():
		}
	})
	a.logger.Info("registry is open", "at", a.URLs(), "dns", a.DNSAddrs(), "dns_tls", a.DNSTLSAddrs(), "node", a.local.Node().Node)
	a.mu.Lock()
	a.tellExposures()
	a.mu.Unlock()

	var failure error
	select {
	case <-ctx.Done():
		a.api.Close()
		// A moment for the answers under way to leave.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // whoever is too slow now is cut off
		}
		for range a.doors {
			<-served
		}
	case failure = <-served:
		failure = fmt.Errorf("serve the API: %w", failure)
		stop()
		a.cut(server)
		for range len(a.doors) - 1 {
			<-served
		}
	case failure = <-deaf:
		stop()
		a.cut(server)
		for range a.doors {
			<-served
		}
	}
	rooms.Wait()
	if err := a.kept.Close(); err != nil {
		failure = errors.Join(failure, fmt.Errorf("close the data directory: %w", err))
	}
	a.logger.Info("registry is closed")
	return failure
}

// cut ends all requests at once.
func (a *Agent) cut(server *http.Server) {
	a.api.Close()
	_ = server.Close() // it is closed because something failed already
}
