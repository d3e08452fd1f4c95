// Package local keeps what this agent's own node announced: its services and
// checks, and how they fare. It tells them apart from what others put into
// the catalog, runs their checks, writes every change into the state, and
// removes services that have been critical for too long.
//
// It does not decode requests and does not answer them.
package local

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/alarm"
	"github.com/realjf/muster/internal/quiet"
)

// UnknownService is the error for a service id that this node did not
// announce. Its text is Consul's.
type UnknownService string

func (id UnknownService) Error() string {
	return fmt.Sprintf("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", string(id))
}

// UnknownCheck is the error for a check id that this node did not announce.
type UnknownCheck string

func (id UnknownCheck) Error() string {
	return fmt.Sprintf("Unknown check ID %q. Ensure that the check ID is passed, not the check name.", string(id))
}

// NotTTL is the error for a report on a check that looks for itself.
type NotTTL string

func (id NotTTL) Error() string {
	return fmt.Sprintf("CheckID %q does not have associated TTL", string(id))
}

// NoSuchService is the error for a check that names a service which this node
// did not announce.
type NoSuchService string

func (id NoSuchService) Error() string {
	return fmt.Sprintf("ServiceID %q does not exist", string(id))
}

// Config has what may be chosen. The zero value works.
type Config struct {
	// Logger hears of services that are removed and checks that change. Nil
	// means silence.
	Logger *slog.Logger
	// OutputInterval is how long the catalog may keep an old output of a check
	// whose status stays the same; 5 minutes by default, as in Consul. Lower
	// values show fresher outputs and wake readers more often. The agent's own
	// answers always have the latest output.
	OutputInterval time.Duration
	// OutputMaxSize is how many bytes of a check's output are kept at most, if its
	// definition asks for more or says nothing; [check.DefaultOutputSize] by
	// default.
	OutputMaxSize int
	// DiscardOutput keeps no output at all, see [Local.DiscardOutput].
	DiscardOutput bool
	// FlapDamping is that of checks that say nothing of it, see
	// [check.Definition]; 0 for none.
	FlapDamping time.Duration
	// SidecarPorts are what sidecars get that name none; from 21000 to 21255 by
	// default, as in Consul.
	SidecarPorts PortRange
	// ProxiesAsRegistered shows proxies and gateways as they were registered;
	// by default config entries say what their registration does not.
	ProxiesAsRegistered bool
	// Keep has the store hold what is needed to go on with what was announced
	// after a restart: for a store whose commits are kept.
	Keep bool
	// RemoteScripts and LocalScripts say whether checks that run a program go on
	// after a restart: those of clients, and those of the configuration.
	RemoteScripts bool
	LocalScripts  bool
	// ServerPort is that of the service consul, which every Consul server has;
	// 8300 by default. Nothing listens there.
	ServerPort int
}

// PortRange is the ports from Min to Max, both of them included.
type PortRange struct{ Min, Max int }

// Local is what one node announced. It is safe for concurrent use. What it
// returns is shared and must not be changed.
type Local struct {
	store    *state.Store
	node     state.Node // of which only Meta ever changes, under the mutex
	config   Config
	runner   *check.Runner
	removals *alarm.Clock[string] // when a check ends its service, by check id
	warming  atomic.Int64         // how many checks are, see Warming; written under the mutex

	mu         sync.Mutex
	services   map[string]*service
	checks     map[string]*announcedCheck
	onNode     map[string]*announcedCheck // those of the node itself
	configured configured
	changed    chan struct{}            // closed and replaced at each change
	aliased    map[string]chan struct{} // for aliases of a service, see stir
	unkept     map[thing]bool           // what has changed and is to be kept, see keep
}

// service is a service with its checks and those who wait for it to change.
type service struct {
	definition *state.Service
	registered *mesh.Proxy                // as it was announced, see follow
	checks     map[string]*announcedCheck // by id
	changed    chan struct{}              // closed when it changes or goes
	isSidecar  bool                       // announced with another, and goes with it
	token      string                     // see Definition
}

// New announces the node itself in the store, with the check and the service
// that every Consul server has, goes on with what it had announced before a
// restart, if the store knows, and returns its Local. Call Run to run the
// checks.
func New(store *state.Store, node state.Node, config Config) (*Local, error) {
	config.Logger = quiet.Logger(config.Logger)
	if config.OutputInterval <= 0 {
		config.OutputInterval = 5 * time.Minute
	}
	if config.OutputMaxSize <= 0 {
		config.OutputMaxSize = check.DefaultOutputSize
	}
	if config.ServerPort == 0 {
		config.ServerPort = 8300
	}
	if config.SidecarPorts == (PortRange{}) {
		config.SidecarPorts = PortRange{21000, 21255}
	}
	l := &Local{
		store:      store,
		node:       node,
		config:     config,
		removals:   alarm.New[string](),
		services:   map[string]*service{},
		checks:     map[string]*announcedCheck{},
		onNode:     map[string]*announcedCheck{},
		configured: configured{services: map[string]Definition{}, checks: map[string]Check{}},
		changed:    make(chan struct{}),
		aliased:    map[string]chan struct{}{},
		unkept:     map[thing]bool{},
	}
	l.runner = check.NewRunner(l.seen)
	if err := l.change(func(w *state.Writer) error {
		w.IdentifyNode(node.Node, node.ID)
		if err := l.move(w); err != nil {
			return err
		}
		return l.resume(w)
	}); err != nil {
		return nil, fmt.Errorf("announce node %q: %w", node.Node, err)
	}
	return l, nil
}

// consulService is the service that every Consul server has.
const consulService = "consul"

// announceNode writes what the catalog holds of a Consul server itself.
func (l *Local) announceNode(w *state.Writer) error {
	if err := w.PutNode(l.node); err != nil {
		return err
	}
	if w.Coordinate(l.node.Node) == nil {
		w.PutCoordinate(state.Coordinate{Node: l.node.Node, Coord: state.Origin()})
	}
	if err := w.PutService(state.Service{
		Node: l.node.Node, ID: consulService, Service: consulService, Tags: []string{}, Port: l.config.ServerPort,
		Meta:    map[string]string{"version": l.node.Meta["consul-version"], "non_voter": "false", "read_replica": "false"},
		Weights: state.Weights{Passing: 1, Warning: 1},
	}); err != nil {
		return err
	}
	return w.PutCheck(state.Check{
		Node: l.node.Node, CheckID: state.AgentHealth, Name: "Serf Health Status",
		Status: state.Passing, Output: "Agent alive and reachable",
	})
}

// change makes one change here and in the state, at the same place among all
// changes of both. It takes the mutex, so it must not be called with it; op
// must fail before it changes anything, or not at all.
func (l *Local) change(op func(*state.Writer) error) error { return l.store.Write(l.both(op)) }

// find is change for what the agent finds out by itself: it is so whether or
// not it can be kept.
func (l *Local) find(op func(*state.Writer) error) error { return l.store.Note(l.both(op)) }

// both returns a change of the state that is one here too.
func (l *Local) both(op func(*state.Writer) error) func(*state.Writer) error {
	return func(w *state.Writer) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if err := op(w); err != nil {
			return err
		}
		return l.keep(w)
	}
}

// Run runs the checks and removals until ctx ends, waits for the checks under
// way, and returns nil.
func (l *Local) Run(ctx context.Context) error {
	var checks sync.WaitGroup
	checks.Go(func() { _ = l.runner.Run(ctx) }) // ends with ctx; awaited below
	l.reap(ctx)
	checks.Wait()
	return nil
}

// Node returns the node that this is about, as it was announced.
func (l *Local) Node() state.Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.node
}

// Register announces a service with its checks and its sidecar, in one step, in
// place of what was announced under its id before. Checks that were there
// already keep their status and output until the next result. Earlier checks
// that are not named now stay, unless replace says that they go.
func (l *Local) Register(d Definition, replace bool) error {
	return l.change(func(w *state.Writer) error {
		if d.Sidecar != nil && d.Sidecar.Service.Port == 0 {
			port, err := l.sidecarPort(SidecarID(d.Service.ID), map[int]bool{})
			if err != nil {
				return err
			}
			sidecar := *d.Sidecar
			sidecar.Service.Port = port
			d.Sidecar = &sidecar
		}
		return l.registerDefinition(w, d, replace)
	})
}

// registerDefinition is Register within a change, for a sidecar with a port.
func (l *Local) registerDefinition(w *state.Writer, d Definition, replace bool) error {
	announced, err := l.register(w, d.Service, d.Checks, replace)
	if err != nil {
		return err
	}
	announced.token = d.Token
	if d.Sidecar == nil {
		return nil
	}
	sidecar := d.Sidecar.of(d.Service.ID)
	if announced, err = l.register(w, sidecar.Service, sidecar.Checks, replace); err != nil {
		return err
	}
	announced.isSidecar, announced.token = true, cmp.Or(sidecar.Token, d.Token)
	return nil
}

// register announces a service with its checks within a change, and returns
// what is announced now.
func (l *Local) register(w *state.Writer, svc state.Service, checks []Check, replace bool) (*service, error) {
	svc.Node, svc.TaggedAddresses, svc.Announced = l.node.Node, withOwnAddress(svc), true
	registered := svc.Proxy
	svc.Proxy = l.setUp(w, &svc, registered)
	for n := range checks {
		checks[n].nameFor(svc, n, len(checks))
	}
	if err := w.PutService(svc); err != nil {
		return nil, fmt.Errorf("register service %q: %w", svc.ID, err)
	}
	now := &service{
		definition: w.Service(l.node.Node, svc.ID), // one copy of it is enough
		registered: registered,
		checks:     map[string]*announcedCheck{}, changed: make(chan struct{}),
	}
	if len(now.definition.TaggedAddresses) != len(svc.TaggedAddresses) { // the catalog has added a virtual one
		own := svc
		now.definition = &own
	}
	named := map[string]bool{}
	announced := make([]*announcedCheck, len(checks))
	for n, c := range checks {
		named[c.ID] = true
		announced[n] = l.announce(w, c, now)
	}
	var obsolete []string
	old := l.services[svc.ID]
	if old != nil {
		for id, c := range old.checks {
			switch {
			case named[id]:
			case replace:
				obsolete = append(obsolete, id)
			default:
				now.checks[id] = c
			}
		}
	}
	for _, id := range obsolete {
		w.DeleteCheck(l.node.Node, id)
	}
	for _, c := range announced {
		if err := w.PutCheck(*c.now); err != nil { // its node and service are there
			return nil, fmt.Errorf("register service %q: %w", svc.ID, err)
		}
	}
	if old != nil {
		close(old.changed)
	}
	l.services[svc.ID] = now
	l.unkept[thing{aService, svc.ID}] = true
	delete(l.configured.services, svc.ID)
	for _, id := range obsolete {
		l.drop(id)
	}
	for _, c := range announced {
		l.run(c, now)
	}
	for _, c := range now.checks {
		c.relabel(now.definition)
	}
	l.stir(svc.ID)
	l.tell()
	return now, nil
}

// Deregister withdraws a service with its checks and the sidecar that was
// announced with it: [UnknownService].
func (l *Local) Deregister(id string) error {
	return l.change(func(w *state.Writer) error { return l.deregister(w, id) })
}

// deregister is Deregister within a change.
func (l *Local) deregister(w *state.Writer, id string) error {
	old := l.services[id]
	if old == nil {
		return UnknownService(id)
	}
	w.DeleteService(l.node.Node, id)
	for check := range old.checks {
		l.drop(check)
	}
	delete(l.services, id)
	l.unkept[thing{aService, id}] = true
	delete(l.configured.services, id)
	close(old.changed)
	l.stir(id)
	l.tell()
	if sidecar := l.services[SidecarID(id)]; sidecar != nil && sidecar.isSidecar {
		return l.deregister(w, SidecarID(id))
	}
	return nil
}

// Service returns the service with the id, and a channel that is closed when
// it changes or goes; false when there is no such service.
func (l *Local) Service(id string) (*state.Service, <-chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.services[id]; s != nil {
		return s.definition, s.changed, true
	}
	return nil, nil, false
}

// Services returns the announced services, sorted by id, and a channel that
// is closed when anything announced changes.
func (l *Local) Services() ([]*state.Service, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	services := make([]*state.Service, 0, len(l.services))
	for _, s := range l.services {
		services = append(services, s.definition)
	}
	slices.SortFunc(services, func(a, b *state.Service) int { return strings.Compare(a.ID, b.ID) })
	return services, l.changed
}

// Checks returns the announced checks as they are now, sorted by id, and a
// channel that is closed when anything announced changes.
func (l *Local) Checks() ([]*state.Check, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	checks := make([]*state.Check, 0, len(l.checks))
	for _, id := range slices.Sorted(maps.Keys(l.checks)) {
		checks = append(checks, l.checks[id].now)
	}
	return checks, l.changed
}

// Announced returns the checks as they were announced, in the order of their
// ids; those of maintenance, which look at nothing, are not among them.
func (l *Local) Announced() []Check {
	l.mu.Lock()
	defer l.mu.Unlock()
	var checks []Check
	for _, id := range slices.Sorted(maps.Keys(l.checks)) {
		if c := l.checks[id]; c.task != nil {
			checks = append(checks, c.announced)
		}
	}
	return checks
}

// tell wakes those who wait for any change; the caller holds the mutex.
func (l *Local) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}
