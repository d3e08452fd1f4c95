package httpdiscover_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/httpdiscover"
	"github.com/realjf/muster/discover/retry"
)

// byTurns is a policy under which every instance comes up soon.
var byTurns = balance.Outlier(balance.OutlierConfig{}, balance.RoundRobin())

// counting counts the connections that are made to each address.
type counting struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	mu   sync.Mutex
	made map[string]int
}

func (c *counting) base() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c.mu.Lock()
		if c.made == nil {
			c.made = map[string]int{}
		}
		c.made[address]++
		c.mu.Unlock()
		return c.dial(ctx, network, address)
	}}
}

func (c *counting) to(address string) int { c.mu.Lock(); defer c.mu.Unlock(); return c.made[address] }

// send sends n requests, and counts who was asked and how many attempts failed.
func (f *fixture) send(t *testing.T, n int, each time.Duration) (asked map[string]int, failed int) {
	t.Helper()
	f.seen()
	for range n {
		f.do(t, request(t, t.Context(), "GET", "http://web", nil))
		time.Sleep(each)
	}
	asked = map[string]int{}
	for _, a := range f.seen() {
		asked[a.Target.ID]++
		if a.Failed {
			failed++
		}
	}
	return asked, failed
}

// An instance that is killed is left out though no request found it out, and is
// back soon after it is.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		kill := network.serve(t, instance(1), ok)
		network.serve(t, instance(2), ok)
		network.serve(t, instance(3), ok)
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: byTurns})
		f.Set("web", instance(1), instance(2), instance(3))
		f.send(t, 9, 0)
		kill()
		synctest.Wait() // until the end of its connections was seen
		if asked, failed := f.send(t, 100, time.Second/10); failed != 0 || asked["web-1"] != 0 {
			t.Errorf("%v were asked, and %d attempts failed", asked, failed)
		}
		network.serve(t, instance(1), ok)
		time.Sleep(10 * time.Second) // as long again as it was away
		if asked, failed := f.send(t, 9, 0); failed != 0 || asked["web-1"] < 2 {
			t.Errorf("when it is back: %v were asked, and %d attempts failed", asked, failed)
		}
	})
}

// What an instance fails, or is passed over for, is for all of the others, and not
// for the next one alone.
func TestTheOthersShareItsRequests(t *testing.T) {
	failing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	for name, test := range map[string]struct {
		policy balance.Policy
		one    http.HandlerFunc // nil takes no connection
	}{
		"answers 503":                     {balance.RoundRobin(), failing},
		"answers 503 and may not be out":  {balance.Outlier(balance.OutlierConfig{MaxShare: 0.2}, balance.RoundRobin()), failing},
		"answers 503, among those nearby": {balance.Zone("eu-1", balance.RoundRobin()), failing},
		"is dead":                         {balance.RoundRobin(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var network pipes
				var all []discover.Instance
				for n := range 4 {
					i := instance(n + 1)
					i.Meta = map[string]string{"zone": "eu-1"}
					all = append(all, i)
					if n > 0 {
						network.serve(t, i, ok)
					} else if test.one != nil {
						network.serve(t, i, test.one)
					}
				}
				f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: test.policy, Retry: httpdiscover.Retry{Budget: retry.BudgetConfig{Share: 1}}})
				f.Set("web", all...)
				const requests = 1200 // of which chance alone moves nine to or from an instance
				asked, _ := f.send(t, requests, time.Millisecond)
				for _, i := range all[1:] {
					if n := asked[i.ID]; n < requests/3-60 || n > requests/3+60 {
						t.Errorf("%s was asked %d times, want %d: %v", i.ID, n, requests/3, asked)
					}
				}
			})
		})
	}
}

// One that is out comes back before the other one of two goes: a restart of both,
// one after the other, loses nothing.
func TestRestartInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		kill := []func(){network.serve(t, instance(1), ok), network.serve(t, instance(2), ok)}
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: byTurns})
		f.Set("web", instance(1), instance(2))
		f.send(t, 4, 0)
		for n, kill := range kill {
			kill()
			synctest.Wait()
			if _, failed := f.send(t, 10, time.Second/10); failed != 0 {
				t.Errorf("%d is away: %d attempts failed", n, failed)
			}
			network.serve(t, instance(n+1), ok)
			if _, failed := f.send(t, 20, time.Second/10); failed != 0 {
				t.Errorf("%d is back: %d attempts failed", n, failed)
			}
		}
	})
}

// Those that only close what is idle lose nothing, and are not asked for more
// connections than twice those that requests need.
func TestIdleConnectionsAreClosed(t *testing.T) {
	for _, fleet := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var network pipes
			var all []discover.Instance
			for n := range fleet {
				network.run(t, instance(n+1), &http.Server{Handler: http.HandlerFunc(ok), IdleTimeout: time.Second})
				all = append(all, instance(n+1))
			}
			count := counting{dial: network.dial}
			f := newFixture(t, httpdiscover.Config{Base: count.base(), Policy: byTurns})
			f.Set("web", all...)
			const requests = 120
			asked, failed := f.send(t, requests, 3*time.Second)
			if failed != 0 || len(asked) != fleet {
				t.Errorf("%v were asked, and %d attempts failed", asked, failed)
			}
			made := 0
			for _, i := range all {
				made += count.to(i.HostPort())
				if n := asked[i.ID]; n < requests/fleet/2 {
					t.Errorf("%s of %d was asked %d times", i.ID, fleet, n)
				}
			}
			if want := map[int]int{1: requests, 3: 2 * requests}[fleet]; made > want {
				t.Errorf("%d connections were made to %d instances, want %d at most", made, fleet, want)
			}
		})
	}
}

// Nobody is asked for a connection without need: neither where nobody calls, nor
// where the instance has left.
func TestNoCheckWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		kill := network.serve(t, instance(1), ok)
		network.serve(t, instance(2), ok)
		count := counting{dial: network.dial}
		f := newFixture(t, httpdiscover.Config{Base: count.base(), Policy: byTurns})
		f.Set("web", instance(1), instance(2))
		f.send(t, 4, 0)
		kill()
		time.Sleep(time.Hour)
		if n := count.to(instance(1).HostPort()); n != 1 {
			t.Errorf("%d connections were made while nobody called", n)
		}
		f.send(t, 2, 0)
		f.Set("web", instance(2))
		time.Sleep(time.Minute)
		before := count.to(instance(1).HostPort())
		f.send(t, 4, time.Hour)
		if n := count.to(instance(1).HostPort()); n != before {
			t.Errorf("%d connections were asked of one that has left", n-before)
		}
	})
}

// When all are gone each request finds out by itself, and the first that is back
// has all of them.
func TestAllKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network pipes
		kill := []func(){network.serve(t, instance(1), ok), network.serve(t, instance(2), ok), network.serve(t, instance(3), ok)}
		f := newFixture(t, httpdiscover.Config{Base: network.base(), Policy: byTurns})
		f.Set("web", instance(1), instance(2), instance(3))
		f.send(t, 6, 0)
		for _, kill := range kill {
			kill()
		}
		if response, err := f.client.Get("http://web"); err == nil {
			t.Error(response.Status)
		}
		time.Sleep(time.Minute)
		network.serve(t, instance(2), ok)
		time.Sleep(10 * time.Second)
		if asked, failed := f.send(t, 9, 0); failed != 0 || asked["web-2"] != 9 {
			t.Errorf("%v were asked, and %d attempts failed", asked, failed)
		}
	})
}

// killable is a listener whose process can die: connections end as the system
// ends them, without a word of TLS or HTTP.
type killable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (k *killable) Accept() (net.Conn, error) {
	conn, err := k.Listener.Accept()
	if err == nil {
		k.mu.Lock()
		k.conns = append(k.conns, conn)
		k.mu.Unlock()
	}
	return conn, err
}

func (k *killable) kill() {
	_ = k.Listener.Close() // it is dead
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, conn := range k.conns {
		_ = conn.Close() // likewise
	}
}

// The end of a connection is seen whatever is spoken on it.
func TestKilledByProtocol(t *testing.T) {
	for name, test := range map[string]struct {
		scheme string
		unix   bool
		http2  bool
		major  int
	}{
		"HTTP/1.1":          {scheme: "http", major: 1},
		"over a socket":     {scheme: "http", unix: true, major: 1},
		"HTTP/1.1 over TLS": {scheme: "https", major: 1},
		"HTTP/2":            {scheme: "https", http2: true, major: 2},
	} {
		t.Run(name, func(t *testing.T) {
			base := &http.Transport{ForceAttemptHTTP2: test.http2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // who it is does not matter here
			if test.unix {
				folder := t.TempDir()
				base.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
					_, port, _ := net.SplitHostPort(address)
					return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(folder, port))
				}
				t.Chdir(folder)
			}
			var all []discover.Instance
			var listeners []*killable
			for n := range 2 {
				b := newBackend(t, instance(n).ID, ok)
				if test.unix {
					_ = b.Listener.Close() // one of its own comes in its place
					_, port, _ := net.SplitHostPort(b.instance.HostPort())
					l, err := net.Listen("unix", port)
					if err != nil {
						t.Fatal(err)
					}
					b.Listener = l
				}
				l := &killable{Listener: b.Listener}
				b.Listener, b.EnableHTTP2 = l, test.http2
				if test.scheme == "https" {
					b.StartTLS()
				} else {
					b.Start()
				}
				all, listeners = append(all, b.instance), append(listeners, l)
			}
			f := newFixture(t, httpdiscover.Config{Base: base, Policy: byTurns})
			f.Set("web", all...)
			get := func() *http.Response {
				response, err := f.client.Get(test.scheme + "://web")
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					t.Fatal(err)
				}
				return response
			}
			for range 4 {
				if got := get().ProtoMajor; got != test.major {
					t.Fatalf("got HTTP/%d, want %d", got, test.major)
				}
			}
			listeners[0].kill()
			waitFor(t, "the instance is in doubt", func() bool { return f.transport.InDoubt("web") == 1 })
			f.seen()
			for range 10 {
				get()
			}
			for _, a := range f.seen() {
				if a.Failed || a.Target.ID != all[1].ID {
					t.Errorf("attempt %d at %s: %v", a.Number, a.Target.ID, a.Err)
				}
			}
		})
	}
}

// A proxy's connections say nothing of the instances behind it.
func TestProxyInBetween(t *testing.T) {
	backends := []*backend{serve(t, "web-1", ok), serve(t, "web-2", ok)}
	var through atomic.Int64
	proxy := serve(t, "proxy", func(w http.ResponseWriter, r *http.Request) { // and answers in their place
		through.Add(1)
		ok(w, r)
	})
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	count := counting{dial: new(net.Dialer).DialContext}
	base := count.base()
	base.Proxy = http.ProxyURL(at)
	f := newFixture(t, httpdiscover.Config{Base: base, Policy: byTurns})
	f.Set("web", backends[0].instance, backends[1].instance)
	for range 3 {
		if _, failed := f.send(t, 4, 0); failed != 0 {
			t.Errorf("%d attempts failed", failed)
		}
		open := proxy.open.Load()
		proxy.CloseClientConnections()
		for range open {
			<-proxy.closed
		}
	}
	if through.Load() != 12 || f.transport.InDoubt("web") != 0 {
		t.Errorf("%d requests came by the proxy, and %d instances are in doubt", through.Load(), f.transport.InDoubt("web"))
	}
	for _, b := range backends {
		if n := count.to(b.instance.HostPort()); n != 0 {
			t.Errorf("%d connections were made past the proxy", n)
		}
	}
}

// One that takes connections and breaks the handshake is looked at ever more seldom,
// and not at each request.
func TestHandshakesThatBreak(t *testing.T) {
	good := newBackend(t, "web-1", ok)
	good.StartTLS()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	defer accepting.Wait()
	defer listener.Close()
	accepting.Go(func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close() // in the middle of the handshake
		}
	})
	bad := instanceAt(t, "web-2", listener.Addr().String())
	count := counting{dial: new(net.Dialer).DialContext}
	base := count.base()
	base.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // who it is does not matter here
	f := newFixture(t, httpdiscover.Config{Base: base, Policy: byTurns})
	f.Set("web", good.instance, bad)
	const requests = 200
	for range requests {
		f.do(t, request(t, t.Context(), "GET", "https://web", nil))
		time.Sleep(time.Millisecond) // for a check
	}
	if n := count.to(bad.HostPort()); n == 0 || n > requests/5 {
		t.Errorf("%d connections were made to it by %d requests", n, requests)
	}
}
