// Package httpdiscover calls services by their names through net/http:
//
//	transport := httpdiscover.New(cache, httpdiscover.Config{})
//	defer transport.Close()
//	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
//	response, err := client.Get("http://web/orders/7")
//
// A [Transport] is an http.RoundTripper that takes the host of a URL for a
// service. It chooses one of its healthy instances with [balance], tells the
// balancer how that fared, and sends the request to another one where that is
// safe. An instance that was registered without a port is left out. Each instance has connections of its own, which are closed when it
// leaves, while requests under way finish. [Transport.ReverseProxy] makes a
// gateway of it.
//
// An instance that loses a connection, as one does whose process dies, is passed
// over while there are others, until it was seen to take another: requests do not
// have to find out. One that only closes what is idle is passed over for the time
// of a handshake. What refuses a connection is ejected by [balance.Outlier], looked
// at again after a quarter of a second and later ever more seldom, up to
// eight seconds, and is back as soon as it takes one. This needs a Base whose
// connections are made by its Dial or DialContext, and no proxy.
//
// An instance that hangs loses no connection. It is passed over when
// two attempts have waited for three times as long as nearly all take (10 ms at least),
// or one in vain, and nobody was answered since they began, for as long again as it was
// silent by then. Later a copy of a safe request (GET, HEAD, OPTIONS or TRACE), within the Budget, or
// else a request itself, finds out whether it still is: any answer ends it. Attempts that waited in vain
// count as failures, so that it is ejected as they go on. It takes a bound on the time: [Retry]'s
// Timeout, a [Hedge], or the deadlines of callers.
//
// The package sends no request twice that might have had its effect once: see
// [Retry]. It refuses to call what is no service: a URL with a port, or with an
// IP address, is for another transport.
package httpdiscover

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// Config holds what a Transport can do without; the zero value works. Its
// functions may be called concurrently and must not block.
type Config struct {
	// Policy chooses among the instances of a service. Nil means the one with
	// fewer requests under way out of two, and none that fail:
	//
	//	balance.Outlier(balance.OutlierConfig{}, balance.LeastRequest())
	//
	// Requests count until their response is read to the end, so that this is
	// right for long streams too, which Peak EWMA would take for slowness. Who
	// knows the zone they run in puts [balance.Zone] between the two.
	Policy balance.Policy
	// PolicyFor returns the policy for a service that needs another one; nil,
	// or what returns nil, means Policy.
	PolicyFor func(service string) balance.Policy
	// Query says which instances the host of a URL, as it stands there, means.
	// Nil means [QueryOf].
	Query func(host string) (discover.Query, error)
	// Key returns what the choice of an instance is to depend on, such as a
	// header's or a cookie's value; "" is nothing. It needs a policy that looks at
	// it: [balance.ConsistentHash].
	Key func(*http.Request) string
	// Retry says when a request is sent again.
	Retry Retry
	// Hedge says when a request is sent to a second instance beside the first.
	Hedge Hedge
	// Base is what the transport of each instance is a copy of. Nil means
	// http.DefaultTransport's settings, but no proxy of the environment, two
	// seconds to connect, and up to 64 idle connections to an instance.
	Base *http.Transport
	// TLS is what https is spoken with; nil means Base's. Where it has no
	// ServerName, a certificate must be for the host of the URL: in
	// "https://web/" for "web".
	TLS *tls.Config
	// Limit is how many services are kept at once; 0 means 100. Each is followed
	// by a watch of the cache, whose own limit should be higher. One more closes
	// one that has no request under way.
	Limit int
	// Idle is how long a service that nobody calls is kept, at least; 0 means ten
	// minutes. It is closed within twice that.
	Idle time.Duration
	// Begin is called before each attempt, with what is known of it by then and
	// the headers that are going to be sent, which it may change. What it returns,
	// a.Context or a context made of it, is the attempt's from then on, and
	// Observe's. It is for tracing; nil means that nobody is called.
	Begin func(a Attempt, header http.Header) context.Context
	// Observe is told of each attempt, when its headers came or it failed. Nil
	// means nobody is.
	Observe func(Attempt)
}

// Attempt is one sending of a request, to one instance.
type Attempt struct {
	Request *http.Request   // the caller's
	Context context.Context // the attempt's own: it ends when the attempt lost
	Service string          // the service's name
	Target  *balance.Target // where it was sent
	Number  int             // 1 for the first of the request; 0 for a copy of it, whose Cause is ErrSilent
	Cause   error           // why there is another one: how the one before failed, or ErrSlow; nil for the first
	Took    time.Duration   // until the headers came, or it failed
	Status  int             // of the response; 0 without one
	Err     error           // why there is no response
	Failed  bool            // it is the target's failure, and counts against it
	Lost    bool            // another attempt of the request was answered before; it may have Failed too, by never being answered
}

// Transport is an http.RoundTripper for services. Its methods may be called
// concurrently.
type Transport struct {
	cache *discover.Cache
	cfg   Config
	base  *http.Transport

	stop   context.CancelFunc
	ending sync.WaitGroup // the sweeper, and services being closed

	mu       sync.RWMutex
	services map[discover.Query]*service
	closed   bool
}

// New returns a transport to the services that cache knows. The caller closes
// it, and cache after it. It panics when cache is nil.
func New(cache *discover.Cache, cfg Config) *Transport {
	if cache == nil {
		panic("httpdiscover: New needs a cache, and it is nil")
	}
	if cfg.Policy == nil {
		cfg.Policy = balance.Outlier(balance.OutlierConfig{}, balance.LeastRequest())
	}
	if cfg.Query == nil {
		cfg.Query = QueryOf
	}
	cfg.Retry = cfg.Retry.settled()
	cfg.Hedge = cfg.Hedge.settled()
	cfg.Limit = cmp.Or(cfg.Limit, 100)
	cfg.Idle = cmp.Or(cfg.Idle, 10*time.Minute)
	ctx, stop := context.WithCancel(context.Background())
	t := &Transport{
		cache:    cache,
		cfg:      cfg,
		base:     baseOf(cfg),
		stop:     stop,
		services: make(map[discover.Query]*service),
	}
	t.ending.Go(func() { t.sweep(ctx) }) // Close stops it and waits
	return t
}

// NewClient returns a client with a new Transport, and what closes that:
//
//	client, closeTransport := httpdiscover.NewClient(cache, httpdiscover.Config{})
//	defer closeTransport()
//
// It has no Timeout, which is the caller's to set: without one, [Retry.Timeout] or a
// context that ends, an instance that hangs keeps a caller for ever. Contexts with
// a deadline cost less than the client's Timeout, for which net/http starts
// goroutines.
func NewClient(cache *discover.Cache, cfg Config) (client *http.Client, closeTransport func() error) {
	t := New(cache, cfg)
	return &http.Client{Transport: t}, t.Close
}

// baseOf returns what the transport of each instance is a copy of.
func baseOf(cfg Config) *http.Transport {
	base := cfg.Base
	if base == nil {
		base = &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	clone := base.Clone()
	// Each instance's transport dials by itself, at which net/http leaves HTTP/2 out
	// though this one has it.
	clone.ForceAttemptHTTP2 = base.ForceAttemptHTTP2 || base.TLSNextProto["h2"] != nil
	base = clone
	if cfg.TLS != nil {
		base.TLSClientConfig = cfg.TLS.Clone()
	}
	return base
}

// RoundTrip implements http.RoundTripper. The first request to a service waits
// until the registry was asked about it once. While it has not answered, requests
// fail at once, with the reason, and the watch goes on asking.
//
// The error wraps [balance.ErrNoInstance] when the service has no instance to
// call, [discover.ErrUnavailable] when the registry has not answered yet,
// [discover.ErrInvalid] when the host is no service's name, [discover.ErrClosed]
// after Close, or else net/http's, of the last attempt, whose instance it names.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	s, err := t.serviceOf(r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	got := t.send(s, r)
	if got.open != nil {
		got.open.service = s // released when the response has been read
	} else {
		s.release()
	}
	return got.response, got.err
}

// sending is a request on its way, with what was tried already. It belongs to one
// goroutine.
type sending struct {
	*service
	request *http.Request
	body    *requestBody
	wish    balance.Request
	made    int             // attempts
	cause   error           // why the next one is made
	copies  bool            // it may reach an instance at any time, even after its end
	silent  *balance.Target // that a copy goes to
}

// send tries until an attempt is one to return.
func (t *Transport) send(s *service, r *http.Request) result {
	on := sending{service: s, request: r, body: newRequestBody(r), copies: t.cfg.Retry.Attempts > 1 && safe(r) && ambiguous.again(r)}
	defer on.body.finish()
	ctx := r.Context()
	if t.cfg.Key != nil {
		if key := t.cfg.Key(r); key != "" {
			on.wish.Key = balance.Key(key)
		}
	}
	s.budget.Call()
	target, err := on.choose(ctx, true)
	if err != nil {
		closeBody(r)
		return result{err: fmt.Errorf("call %s: %w", s.query.Words(), err)}
	}
	for {
		got := t.attempt(&on, target)
		if on.made >= t.cfg.Retry.Attempts || !got.outcome.again(r) || ctx.Err() != nil {
			return got
		}
		if target, err = on.choose(ctx, true); err != nil {
			return got
		}
		wait := time.Duration(0)
		if contains(on.wish.Tried, target) { // there is no other
			wait = pause(on.made, got.response, time.Now())
		}
		if wait > maxWait || !endsBefore(ctx, wait) {
			return got
		}
		if got.outcome != unsent && !s.budget.Retry() {
			return got
		}
		if err := sleep(ctx, wait); err != nil {
			got.discard()
			return result{err: err}
		}
		got.discard()
		on.cause = got.failure
	}
}

// attempt sends the request to target, and to another instance too where that
// takes long and is wanted.
func (t *Transport) attempt(on *sending, target *balance.Target) result {
	on.made++
	target = t.sound(on, target)
	var got result
	if t.hedges(on) {
		got = t.race(on, target)
	} else {
		got = t.try(on.request.Context(), on.service, on.request, on.body, target, on.made, on.cause, nil)
	}
	if got.outcome != final && !slices.Contains(on.wish.Tried, target) {
		on.wish.Tried = append(on.wish.Tried, target)
	}
	return got
}

// contains reports whether a target of the same address is among tried.
func contains(tried []*balance.Target, target *balance.Target) bool {
	return slices.ContainsFunc(tried, func(one *balance.Target) bool {
		return one.Address == target.Address && one.Port == target.Port
	})
}

// endsBefore reports whether a wait ends before ctx does.
func endsBefore(ctx context.Context, wait time.Duration) bool {
	deadline, bounded := ctx.Deadline()
	return !bounded || time.Until(deadline) > wait
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
