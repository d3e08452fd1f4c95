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
	// call sends a GET, and again when that fails. It reports whether the first
	// attempt succeeded, and whether any did.
	call(ctx context.Context) (first, last bool)
	close()
}

// newCaller is a column of the matrix.
type newCaller struct {
	name  string
	begin func(s *scene, name string) caller
}

// callers are the columns. Each comes to the registry by an address of its own.
var callers = []newCaller{
	{"muster", beginMuster(discover.Guard{Hold: hold})},
	{"muster, no guard", beginMuster(discover.Guard{})},
	{"go-kit", beginKit},
	{"gRPC's way", beginPolling},
	{"watch", beginWatch},
}

// control is a caller whom no registry misleads: the script tells it who lives,
// before it is so. If one of its requests fails the machine is to blame, and what
// became of those of the others says nothing.
var control = newCaller{"control", func(s *scene, _ string) caller { return &informed{turns{transport: transport(s)}, s} }}

type informed struct {
	turns
	scene *scene
}

func (i *informed) call(ctx context.Context) (first, last bool) {
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
// the time of an attempt, and for how long it holds what is lost many at once.
type muster struct {
	cache     *discover.Cache
	transport *httpdiscover.Transport
}

// firstKey is the key of where a request notes that its first attempt succeeded.
type firstKey struct{}

// hold is what a list that is lost all at once is kept for.
const hold = 10 * time.Second

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
			if first, ok := a.Request.Context().Value(firstKey{}).(*bool); ok && a.Number == 1 {
				*first = a.Status == http.StatusOK
			}
		},
	})}
}

func (m *muster) call(ctx context.Context) (first, last bool) {
	err := get(context.WithValue(ctx, firstKey{}, &first), m.transport, "web")
	return first, err == nil
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
func try(ctx context.Context, pick func() (func(context.Context) error, error)) (first, last bool) {
	for n := range attempts {
		send, err := pick()
		if err == nil {
			bounded, cancel := context.WithTimeout(ctx, attemptTime)
			err = send(bounded)
			cancel()
		}
		if err == nil {
			return n == 0, true
		}
	}
	return false, false
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

func (k *kit) call(ctx context.Context) (first, last bool) {
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

func (t *turns) call(ctx context.Context) (first, last bool) { return try(ctx, t.pick) }

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
