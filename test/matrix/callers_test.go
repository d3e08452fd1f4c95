package matrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	kitconsul "github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/kit/sd/lb"
	"github.com/go-kit/log"
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
	"github.com/hashicorp/go-hclog"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/httpdiscover"
)

// What all callers have alike: a request may take requestTime, and be sent
// attempts times, each for attemptTime.
const (
	requestTime = 4 * time.Second
	attemptTime = time.Second
	attempts    = 3
)

// caller is a client of the service.
type caller interface {
	// call sends a GET, and again when that fails.
	call(ctx context.Context) fate
	close()
}

// fate is what became of a request.
type fate struct {
	first bool // the first attempt succeeded
	last  bool // any did
	// inFlight says that the first attempt was on its way to an instance when that
	// ended, so that nobody could save it. It is known of the library alone.
	inFlight bool
}

// newCaller is a column of the matrix.
type newCaller struct {
	name  string
	often int // how many requests it sends while another one sends one
	begin func(s *scene, name string) caller
}

// callers are the columns. Each comes to the registry by an address of its own.
var callers = []newCaller{
	{"muster", 6, beginMuster(discover.Guard{})},
	{"muster, no guard", 1, beginMuster(discover.Guard{Hold: -1})},
	{"go-kit", 1, beginKit},
	{"gRPC's way", 1, beginPolling},
	{"watch", 1, beginWatch},
}

// control is a caller whom no registry misleads: the script tells it who lives,
// before it is so. If one of its requests fails the machine is to blame, and what
// became of those of the others says nothing.
var control = newCaller{"control", 1, func(s *scene, _ string) caller { return &informed{turns{transport: transport(s)}, s} }}

type informed struct {
	turns
	scene *scene
}

func (i *informed) call(ctx context.Context) fate {
	var all []string
	for _, one := range i.scene.fleet {
		if !one.ending.Load() {
			all = append(all, one.address)
		}
	}
	i.mu.Lock()
	i.list = all
	i.mu.Unlock()
	return i.turns.call(ctx)
}

// transport is how all callers but muster's own reach instances, with the same
// settings.
func transport(s *scene) *http.Transport {
	return &http.Transport{DialContext: s.network.dial, MaxIdleConnsPerHost: 64}
}

// muster is the library, with what it does unless it is told otherwise, but for
// the time of an attempt.
type muster struct {
	cache     *discover.Cache
	transport *httpdiscover.Transport
}

// fateKey is the key of where a request notes what became of its first attempt.
type fateKey struct{}

func beginMuster(guard discover.Guard) func(*scene, string) caller {
	return func(s *scene, name string) caller { return newMuster(s, name, guard) }
}

func newMuster(s *scene, name string, guard discover.Guard) caller {
	registry, err := consul.New(s.registry.ConfigFor(name), consul.Config{})
	if err != nil {
		s.Fatal(err)
	}
	cache := discover.NewCache(registry, discover.CacheConfig{
		Guard: func(discover.Query) discover.Guard { return guard },
	})
	return &muster{cache, httpdiscover.New(cache, httpdiscover.Config{
		Base:  transport(s),
		Retry: httpdiscover.Retry{Timeout: attemptTime, Attempts: attempts},
		Observe: func(a httpdiscover.Attempt) {
			became, ok := a.Request.Context().Value(fateKey{}).(*fate)
			if !ok || a.Number != 1 {
				return
			}
			if became.first = a.Status == http.StatusOK; !became.first {
				became.inFlight = s.inFlight(a.Target.HostPort(), time.Now().Add(-a.Took))
				s.Logf("%s: the first attempt at %s failed after %s, in flight: %t: %v", name, a.Target.ID, a.Took, became.inFlight, a.Err)
			}
		},
	})}
}

func (m *muster) call(ctx context.Context) fate {
	var became fate
	err := get(context.WithValue(ctx, fateKey{}, &became), m.transport, "web")
	became.last = err == nil
	return became
}

func (m *muster) close() {
	_ = m.transport.Close() // there is nothing to do about it
	_ = m.cache.Close()     // likewise
}

// get sends a GET and reads the answer, which must be 200.
func get(ctx context.Context, by http.RoundTripper, host string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		return err
	}
	response, err := by.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

// try sends a request by what pick gives, and again when that fails: what safe
// retries can do for a client that chooses by turns.
func try(ctx context.Context, pick func() (func(context.Context) error, error)) fate {
	for n := range attempts {
		send, err := pick()
		if err == nil {
			bounded, cancel := context.WithTimeout(ctx, attemptTime)
			err = send(bounded)
			cancel()
		}
		if err == nil {
			return fate{first: n == 0, last: true}
		}
	}
	return fate{}
}

// kit is go-kit's instancer, endpointer and balancer.
type kit struct {
	instancer  *kitconsul.Instancer
	endpointer *sd.DefaultEndpointer
	balancer   lb.Balancer
	transport  *http.Transport
}

func beginKit(s *scene, name string) caller {
	k := &kit{transport: transport(s)}
	quiet := log.NewNopLogger()
	k.instancer = kitconsul.NewInstancer(kitconsul.NewClient(s.registry.ClientFor(name)), quiet, "web", nil, true)
	k.endpointer = sd.NewEndpointer(k.instancer, func(address string) (endpoint.Endpoint, io.Closer, error) {
		return func(ctx context.Context, _ any) (any, error) { return nil, get(ctx, k.transport, address) }, nil, nil
	}, quiet)
	k.balancer = lb.NewRoundRobin(k.endpointer)
	return k
}

func (k *kit) call(ctx context.Context) fate {
	return try(ctx, func() (func(context.Context) error, error) {
		e, err := k.balancer.Endpoint()
		return func(ctx context.Context) error { _, err := e(ctx, nil); return err }, err
	})
}

func (k *kit) close() {
	k.endpointer.Close()
	k.instancer.Stop()
	k.transport.CloseIdleConnections()
}

// turns chooses by turns from a list that is replaced as a whole.
type turns struct {
	transport *http.Transport

	mu   sync.Mutex
	list []string
	next int
}

func (t *turns) replace(entries []*api.ServiceEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = nil
	for _, e := range entries {
		t.list = append(t.list, fmt.Sprintf("%s:%d", e.Service.Address, e.Service.Port))
	}
}

func (t *turns) pick() (func(context.Context) error, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.list) == 0 {
		return nil, errors.New("no addresses")
	}
	t.next++
	address := t.list[t.next%len(t.list)]
	return func(ctx context.Context) error { return get(ctx, t.transport, address) }, nil
}

func (t *turns) call(ctx context.Context) fate { return try(ctx, t.pick) }

// polling does what resolvers for gRPC do that ask Consul: one blocking query
// after the other for what passes, and whatever comes replaces the list; after
// an error the list stays, and a second later they ask again.
type polling struct {
	turns
	stop context.CancelFunc
	all  sync.WaitGroup
}

func beginPolling(s *scene, name string) caller {
	ctx, stop := context.WithCancel(context.Background())
	p := &polling{turns: turns{transport: transport(s)}, stop: stop}
	client := s.registry.ClientFor(name)
	p.all.Go(func() { // ends with ctx; awaited by close
		var index uint64
		for ctx.Err() == nil {
			entries, meta, err := client.Health().Service("web", "", true, (&api.QueryOptions{WaitIndex: index}).WithContext(ctx))
			if err != nil {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
				continue
			}
			index = meta.LastIndex
			p.replace(entries)
		}
	})
	return p
}

func (p *polling) close() {
	p.stop()
	p.all.Wait()
	p.turns.close()
}

// watching is the watch of Consul's own client, whose handler keeps the list.
type watching struct {
	turns
	plan *watch.Plan
	all  sync.WaitGroup
}

func beginWatch(s *scene, name string) caller {
	s.Helper()
	w := &watching{turns: turns{transport: transport(s)}}
	var err error
	if w.plan, err = watch.Parse(map[string]any{"type": "service", "service": "web", "passingonly": true}); err != nil {
		s.Fatal(err)
	}
	w.plan.Handler = func(_ uint64, result any) {
		if entries, ok := result.([]*api.ServiceEntry); ok {
			w.replace(entries)
		}
	}
	client := s.registry.ClientFor(name)
	w.all.Go(func() { _ = w.plan.RunWithClientAndHclog(client, hclog.NewNullLogger()) }) // ends with Stop; awaited by close
	return w
}

func (t *turns) close() { t.transport.CloseIdleConnections() }

func (w *watching) close() {
	w.plan.Stop()
	w.all.Wait()
	w.turns.close()
}
