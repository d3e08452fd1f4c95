// Package api is the registry's HTTP door: Consul's /v1, as its clients know
// it (https://developer.hashicorp.com/consul/api-docs).
//
// routes.go is the whole list of endpoints. A handler turns a request into a
// reply or an error and touches nothing else; serve.go writes either of them,
// errors.go knows which status an error has, and blocking.go makes a read
// wait until its answer changes. Answers are encoded once per change, however
// many ask (answers.go).
//
// The package keeps no state of its own but encoded answers and the events that
// were fired, and decides nothing about health.
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/event"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/monitor"
	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/agent/telemetry"
)

// Config has what may be chosen. The zero value works.
type Config struct {
	// Pretty indents every JSON answer, as Consul does in dev mode.
	Pretty bool
	// Version is muster's own, as /v1/agent/self tells it.
	Version string
	// ServerPort and SerfPort are the ports at which a Consul server is known to
	// others, 8300 and 8301 by default. Nothing listens there.
	ServerPort int
	SerfPort   int
	// TrustDomain is the one of the mesh, by which proxies know each other;
	// that of a Consul in dev mode by default.
	TrustDomain string
	// Leave ends the agent when a client asks for it. It may be called more
	// than once and must not wait for the end. Nil means that clients may not.
	Leave func()
	// Reload reads the configuration again when a client asks for it. Nil means
	// that there is none to read.
	Reload func() error
	// Telemetry says what the figures are called.
	Telemetry telemetry.Config
	// Log is the agent's, which clients may read. It hears of answers that could
	// not be made, and at debug level of all requests. Nil means silence.
	Log *monitor.Log
	// Settings are those to begin with.
	Settings
}

// Settings are what may change while the API serves. The zero value works.
type Settings struct {
	// EnableDebug serves Go's profiles of the process under /debug/pprof/.
	EnableDebug bool
	// StaleDiscovery says that reads of catalog and health that ask for nothing
	// else are told to be stale, as with Consul's discovery_max_stale.
	StaleDiscovery bool
	// DefaultWait is how long a read waits that does not say, and LongestWait how
	// long one may wait; 5 and 10 minutes by default.
	DefaultWait time.Duration
	LongestWait time.Duration
	// BlockEndpoints are beginnings of paths that are answered 403.
	BlockEndpoints []string
	// AllowWriteFrom are the networks whose requests may do more than read; all
	// when there are none.
	AllowWriteFrom []netip.Prefix
	// Guarded says that requests without a token do not come this far, which
	// answers tell as Consul tells its default policy.
	Guarded bool
	// RemoteScripts says that checks that run a program may be registered by
	// everyone who may write.
	RemoteScripts bool
	// Limits bound the size and the number of requests.
	Limits Limits
	// Described is the configuration as /v1/agent/self tells it, by Consul's
	// names.
	Described map[string]any
}

// API answers Consul's HTTP API. It is an http.Handler, safe for concurrent
// use. A request whose context ends is answered at once.
type API struct {
	store     *state.Store
	local     *local.Local
	sessions  *session.Keeper
	events    *event.Log
	telemetry *telemetry.Telemetry
	began     time.Time
	config    Config
	settings  atomic.Pointer[Settings]
	limiter   atomic.Pointer[limiter] // nil while nobody counts
	exceeded  exceeded
	logger    *slog.Logger
	answers   *answers
	waits     waits
	followers followers
	desk      desk
	room      room // for what large requests say
	taking    *taking
	faults    seldom
	rooms     map[string]http.Handler // by the pattern of their path
	mux       *http.ServeMux          // the ways to them

	// open ends when the API closes. Requests do not descend from it: each
	// would have a place in it, and all would wait for its lock.
	open  context.Context
	close context.CancelFunc
}

// New returns the API of a registry that knows what store holds, announced
// what local holds, and keeps the sessions of sessions.
func New(store *state.Store, local *local.Local, sessions *session.Keeper, config Config) *API {
	config.ServerPort, config.SerfPort = cmp.Or(config.ServerPort, 8300), cmp.Or(config.SerfPort, 8301)
	config.TrustDomain = cmp.Or(config.TrustDomain, "11111111-2222-3333-4444-555555555555.consul")
	if config.Log == nil {
		config.Log = monitor.New(nil)
	}
	a := &API{
		store: store, local: local, sessions: sessions, events: &event.Log{}, telemetry: telemetry.New(store, local.Node(), config.Telemetry),
		began: time.Now().UTC(), config: config, logger: config.Log.Logger("http"), answers: newAnswers(warming(local)), taking: newTaking(roomForAnswers),
		rooms: map[string]http.Handler{},
	}
	a.telemetry.Gauge("consul.rpc.queries_blocking", func() float64 { return float64(a.waits.now.Load()) })
	a.telemetry.Gauge("muster.queries_woken", func() float64 { return float64(a.waits.woken.Load()) })
	a.telemetry.Gauge("muster.checks_warming", func() float64 { return float64(local.WarmingChecks()) })
	a.desk = newDesk(a.telemetry)
	a.telemetry.Counter(exceededRequests, nil) // an alert finds it before the first
	a.room.left.Store(roomForBodies)
	a.open, a.close = context.WithCancel(context.Background())
	a.Adjust(config.Settings)
	routes := a.routes()
	for _, route := range routes {
		a.rooms[route.path] = a.serve(route)
	}
	a.leadBelow(routes)
	for _, path := range unserved {
		a.rooms[path] = http.HandlerFunc(notServed)
	}
	for path, profile := range profiles {
		a.rooms[path] = a.debug(path, profile)
	}
	a.rooms["/debug/pprof"] = http.RedirectHandler("/debug/pprof/", http.StatusMovedPermanently)
	for _, path := range append(pages, "/") {
		a.rooms[path] = http.HandlerFunc(notFound)
	}
	a.mux = waysTo(a.rooms)
	return a
}

// Adjust puts other settings in the place of those there are. It may be called
// at any time.
func (a *API) Adjust(settings Settings) {
	a.settings.Store(&settings)
	a.setLimits(settings.Limits)
}

// Handle serves a path beside those of the API: "/{$}", "/ui" or "/ui/", as
// http.ServeMux takes it. It is to be called before the first request.
func (a *API) Handle(path string, handler http.Handler) {
	if !slices.Contains(pages, path) {
		panic("api: no place for a page at " + path)
	}
	a.rooms[path] = handler
}

// Close answers every read that waits, or comes to wait, and ends every stream.
// Whoever stops the server calls it first. It may be called more than once.
func (a *API) Close() { a.close() }
