package consul_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/discovertest"
)

// TestConsulAsksAsItsClient: with every setting of Consul's client, a question
// about health goes where that sends its own, with the same parameters and
// credentials.
func TestConsulAsksAsItsClient(t *testing.T) {
	type request struct{ url, host, token, user, password string }
	var got []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got = append(got, request{r.URL.String(), r.Host, r.Header.Get("X-Consul-Token"), user, password})
		answer(200, "1", `[]`)(w, r)
	}))
	defer server.Close()
	tests := map[string]struct {
		set api.Config
		env map[string]string
	}{
		"address":       {set: api.Config{Address: server.Listener.Addr().String()}},
		"URL":           {set: api.Config{Address: server.URL}},
		"prefix":        {set: api.Config{Address: server.URL + "/a/b"}},
		"path prefix":   {set: api.Config{Address: server.URL, PathPrefix: "/c"}},
		"datacenter":    {set: api.Config{Address: server.URL, Datacenter: "dc7"}},
		"token":         {set: api.Config{Address: server.URL, Token: "secret"}},
		"tenant":        {set: api.Config{Address: server.URL, Namespace: "n", Partition: "p"}},
		"authenticated": {set: api.Config{Address: server.URL, HttpAuth: &api.HttpBasicAuth{Username: "u", Password: "p"}}},
		"environment": {env: map[string]string{
			"CONSUL_HTTP_ADDR": server.URL, "CONSUL_HTTP_TOKEN": "secret", "CONSUL_NAMESPACE": "n", "CONSUL_PARTITION": "p",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for key, value := range test.env {
				t.Setenv(key, value)
			}
			got = nil
			theirs, ours := test.set, test.set
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			theirs.Transport = transport
			client, err := api.NewClient(&theirs)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := client.Health().Service("web", "v1", false, &api.QueryOptions{AllowStale: true, Near: "_agent", Filter: `a == "ä & b"`}); err != nil {
				t.Fatal(err)
			}
			registry, err := consul.New(&ours, consul.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer registry.CloseIdleConnections()
			q := discover.Query{Service: "web", Tags: "v1", Near: "_agent", Filter: `a == "ä & b"`}
			if _, err := registry.Next(t.Context(), q, 0); err != nil {
				t.Fatal(err)
			}
			if len(got) != 2 || got[0] != got[1] {
				t.Errorf("got %+v, want the same twice", got)
			}
		})
	}
}

// TestSlashAtTheEnd of an address is none of the paths that are asked for.
func TestSlashAtTheEnd(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		answer(200, "1", `[]`)(w, r)
	}))
	defer server.Close()
	for _, at := range []*api.Config{nil, {Address: server.URL + "/"}, {Address: server.URL + "/a//"}} {
		t.Setenv("CONSUL_HTTP_ADDR", server.URL+"/")
		registry, err := consul.New(at, consul.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer registry.CloseIdleConnections()
		if _, err := registry.Next(t.Context(), web, 0); err != nil {
			t.Error(err)
		}
		_ = registry.Deregister(t.Context(), "web-1") // whatever comes of it
	}
	want := []string{"/v1/health/service/web", "/v1/agent/service/deregister/web-1"}
	want = append(append(want, want...), "/a"+want[0], "/a"+want[1])
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
}

// TestConsulOnASocket: all is asked over it, and its connection is kept.
func TestConsulOnASocket(t *testing.T) {
	folder, err := os.MkdirTemp("", "") // a test's own can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "consul.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	server := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: answer(200, "1", `[]`),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		},
	}}
	server.Start()
	defer server.Close()
	registry := registryAt(t, "unix://"+path)
	for range 3 {
		if _, err := registry.Next(t.Context(), web, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := registry.Deregister(t.Context(), "1"); err != nil {
		t.Error(err)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("made %d connections, want 1", n)
	}
	if err := registry.Reach(t.Context()); err != nil {
		t.Errorf("reach: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, at := range map[string]*api.Config{
		"address":     {Address: "ftp://host"},
		"certificate": {Address: "https://host", TLSConfig: api.TLSConfig{CertFile: "/none", KeyFile: "/none"}},
		"token file":  {Address: "host", TokenFile: "/none"},
	} {
		if c, err := consul.New(at, consul.Config{}); err == nil {
			t.Errorf("%s: got %+v, want an error", name, c)
		}
	}
}

// refuses is a registry that answers once, and then asks to be left alone.
type refuses struct {
	status int
	header string
	asked  chan time.Time
}

func (b *refuses) RoundTrip(request *http.Request) (*http.Response, error) {
	b.asked <- time.Now()
	return &http.Response{
		StatusCode: b.status, Header: http.Header{"Retry-After": {b.header}}, Request: request, Body: http.NoBody,
	}, nil
}

// TestRetryAfter: a registry that says for how long is left alone for so long,
// within bounds, and its clients come back one after the other.
func TestRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		status         int
		header         string
		least, longest time.Duration
	}{
		{429, "", time.Second, 2 * time.Second},
		{429, "0", time.Second, 2 * time.Second},
		{429, "3", 3 * time.Second, 4 * time.Second},
		{503, "20", 20 * time.Second, 25 * time.Second},
		{503, "86400", 30 * time.Second, 38 * time.Second},
		{503, "Sat, 01 Jan 2000 00:00:10 GMT", time.Second, 12500 * time.Millisecond},
		{503, "soon", time.Second, time.Second},
		{500, "20", time.Second, time.Second},
	} {
		t.Run(fmt.Sprint(tc.status, tc.header), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := &refuses{tc.status, tc.header, make(chan time.Time, 1)}
				w := discover.Watch(consulAt(t, "registry:8500", registry, consul.Config{}), web, discover.WatchConfig{})
				before := <-registry.asked
				for n := range 5 {
					at := <-registry.asked
					// The first time a client that is not asked for more takes its turn.
					if wait := at.Sub(before); (n > 0 || tc.longest > time.Second) && wait < tc.least || wait > tc.longest {
						t.Errorf("asked after %s, want %s to %s", wait, tc.least, tc.longest)
					}
					before = at
				}
				if s, _ := w.Snapshot(); s.Err == nil {
					t.Error("it is not told why")
				}
				go func() { // ends with the watch's last question
					for range registry.asked {
					}
				}()
				w.Close()
				close(registry.asked)
			})
		})
	}
}

// TestWarmingRegistry: what a registry says that has just come back is used, and
// told apart until it says that it has looked again.
func TestWarmingRegistry(t *testing.T) {
	var asked []string
	looked := make(chan struct{}) // at the first answer
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("wait"))
		if len(asked) == 1 {
			w.Header().Set("X-Muster-Warming", "2")
		} else {
			<-looked
		}
		w.Header().Set("X-Consul-Index", "7")
		_, _ = io.WriteString(w, twoInstances)
	})
	w := discover.Watch(c, web, discover.WatchConfig{})
	defer w.Close()
	s, err := w.First(t.Context())
	if err != nil || s.State() != discover.Warming || discovertest.IDs(s.Instances) != "a" {
		t.Errorf("got %+v, %s, error %v", s, s.State(), err)
	}
	close(looked)
	for s.State() == discover.Warming {
		s, _ = w.Snapshot()
		time.Sleep(time.Millisecond)
	}
	if s.State() != discover.Current || discovertest.IDs(s.Instances) != "a" {
		t.Errorf("got %+v, %s", s, s.State())
	}
	w.Close()
	if asked[1] != "5000ms" {
		t.Errorf("asked with waits %q, want a short one after the first", asked)
	}
}
