package consul_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/internal/logbook"
)

var web = discover.Query{Service: "web"}

// consulAt returns a registry at address, over transport if it is not nil.
func consulAt(t *testing.T, address string, transport http.RoundTripper, cfg consul.Config) *consul.Client {
	t.Helper()
	settings := api.DefaultConfig()
	settings.Address = address
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	settings.HttpClient = &http.Client{Transport: transport}
	registry, err := consul.New(settings, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// registryAt returns the registry at an address, over connections of its own.
func registryAt(t testing.TB, address string) *consul.Client {
	t.Helper()
	return registryOf(t, address, consul.Config{})
}

func registryOf(t testing.TB, address string, cfg consul.Config) *consul.Client {
	t.Helper()
	registry, err := consul.New(&api.Config{Address: address}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.CloseIdleConnections)
	return registry
}

// clientOf returns a registry whose answers handler gives.
func clientOf(t *testing.T, handler http.HandlerFunc) *consul.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return consulAt(t, server.URL, nil, consul.Config{})
}

// answer is a handler that always gives the same one.
func answer(status int, index, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Consul-Index", index)
		w.Header().Set("X-Consul-KnownLeader", "false")
		w.Header().Set("X-Consul-LastContact", "0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const twoInstances = `[
 {"Node": {"Node": "n2", "Address": "10.0.0.2", "Datacenter": "dc1"},
  "Service": {"ID": "b", "Service": "web", "Tags": null, "Meta": null, "Port": 80, "Address": "", "Weights": {"Passing": 1, "Warning": 1}},
  "Checks": [
   {"CheckID": "z", "Name": "zeal", "Status": "critical", "Output": "gone\n"},
   {"CheckID": "ok", "Name": "fine", "Status": "passing", "Output": "yes"},
   {"CheckID": "m", "Name": "mood", "Status": "warning", "Output": "", "Notes": "low"}]},
 {"Node": {"Node": "n1", "Address": "10.0.0.1", "Datacenter": "dc1"},
  "Service": {"ID": "a", "Service": "web", "Tags": ["z", "a"], "Meta": {"k": "v"}, "Port": 81, "Address": "2001:db8::1", "Weights": {"Passing": 3, "Warning": 2}},
  "Checks": []}
]`

func TestConsulNext(t *testing.T) {
	var got *http.Request
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		answer(200, "42", twoInstances)(w, r)
	})
	s, err := c.Next(t.Context(), web, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.URL.Path != "/v1/health/service/web" || got.URL.RawQuery != "stale=" {
		t.Errorf("asked %s, want all instances at once", got.URL)
	}
	if s.Index != 42 || s.Confirmed.IsZero() || len(s.Instances) != 1 || len(s.Unhealthy) != 1 {
		t.Fatalf("got %+v", s)
	}
	a, b := s.Instances[0], s.Unhealthy[0]
	if a.ID != "a" || a.HostPort() != "[2001:db8::1]:81" || strings.Join(a.Tags, " ") != "z a" || a.Meta["k"] != "v" ||
		a.Weights != (discover.Weights{Passing: 3, Warning: 2}) || a.Datacenter != "dc1" || a.Node != "n1" || a.Status != discover.Passing || a.Reason != "" {
		t.Errorf("passing: got %+v", a)
	}
	if b.ID != "b" || b.HostPort() != "10.0.0.2:80" || b.Tags == nil || b.Meta == nil ||
		b.Status != discover.Critical || b.Reason != "mood: low; zeal: gone" {
		t.Errorf("critical: got %+v", b)
	}

	if _, err := c.Next(t.Context(), web, 42); err != nil {
		t.Fatal(err)
	}
	if q := got.URL.Query(); q.Get("index") != "42" || q.Get("wait") != "60000ms" {
		t.Errorf("asked %s, want to wait a minute from 42 on", got.URL)
	}
}

// TestConsulAsks: each part of a query arrives as Consul's documentation of
// /v1/health/service has it.
func TestConsulAsks(t *testing.T) {
	tests := []struct {
		name  string
		query discover.Query
		want  url.Values
	}{
		{"tags", discover.Query{Tags: "a, b"}, url.Values{"tag": {"a", "b"}, "stale": {""}}},
		{"filter", discover.Query{Filter: `Service.Meta.v == "2"`}, url.Values{"filter": {`Service.Meta.v == "2"`}, "stale": {""}}},
		{"datacenter", discover.Query{Datacenter: "dc2"}, url.Values{"dc": {"dc2"}, "stale": {""}}},
		{"near", discover.Query{Near: "_agent"}, url.Values{"near": {"_agent"}, "stale": {""}}},
		{"leader", discover.Query{Consistency: discover.Leader}, url.Values{}},
		{"consistent", discover.Query{Consistency: discover.Consistent}, url.Values{"consistent": {""}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got url.Values
			c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.URL.Query()
				answer(200, "42", twoInstances)(w, r)
			})
			test.query.Service = "web"
			if _, err := c.Next(t.Context(), test.query, 0); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("asked %v, want %v", got, test.want)
			}
		})
	}
}

func TestConsulWarning(t *testing.T) {
	c := clientOf(t, answer(200, "1", `[{"Node":{"Node":"n"},"Service":{"ID":"a","Service":"web"},"Checks":[{"Name":"c","Status":"warning"}]}]`))
	s, err := c.Next(t.Context(), discover.Query{Service: "web", Warning: true}, 0)
	if err != nil || len(s.Instances) != 1 || s.Instances[0].Status != discover.Warning {
		t.Errorf("got %+v, error %v; want that a warning counts as healthy", s, err)
	}
}

// TestConsulStale: an answer that is too old is no answer. The leader is asked.
func TestConsulStale(t *testing.T) {
	for _, test := range []struct {
		behind string
		leader bool
	}{{"9000", false}, {"11000", true}} {
		var asked []string
		c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.RawQuery)
			w.Header().Set("X-Consul-Index", "42")
			w.Header().Set("X-Consul-KnownLeader", "true")
			w.Header().Set("X-Consul-LastContact", test.behind)
			_, _ = io.WriteString(w, twoInstances)
		})
		if _, err := c.Next(t.Context(), web, 0); err != nil {
			t.Fatal(err)
		}
		if leader := slices.Contains(asked, ""); leader != test.leader {
			t.Errorf("a server %s ms behind: asked %q", test.behind, asked)
		}
	}
}

// TestConsulFailover: the first of the named datacenters that has a healthy
// instance answers, and one that cannot be asked is passed over.
func TestConsulFailover(t *testing.T) {
	healthy := `[{"Node":{"Node":"n","Datacenter":"dc3"},"Service":{"ID":"a","Service":"web"},"Checks":[]}]`
	var asked []string
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("dc")+"@"+q.Get("index")+"/"+q.Get("wait"))
		switch q.Get("dc") {
		case "dc2":
			answer(500, "", "No path to datacenter")(w, r)
		case "dc3":
			answer(200, "900", healthy)(w, r)
		default:
			answer(200, "42", `[]`)(w, r)
		}
	})
	s, err := c.Next(t.Context(), discover.Query{Service: "web", Failover: "dc2,dc3,dc4"}, 41)
	if err != nil || len(s.Instances) != 1 || s.Instances[0].Datacenter != "dc3" || s.Index != 42 {
		t.Errorf("got %+v, error %v; want the instance of dc3 at the index of the own datacenter", s, err)
	}
	if want := []string{"@41/5000ms", "dc2@/", "dc3@/"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// TestConsulFailoverHangs: a datacenter that does not answer is passed over.
func TestConsulFailoverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consulAt(t, "http://registry", datacenters{
			"":    says{200, "42", `[]`},
			"dc2": silence{},
			"dc3": says{200, "7", `[{"Node":{"Node":"n","Datacenter":"dc3"},"Service":{"ID":"a","Service":"web"},"Checks":[]}]`},
		}, consul.Config{})
		began := time.Now()
		s, err := c.Next(t.Context(), discover.Query{Service: "web", Failover: "dc2,dc3"}, 0)
		if took := time.Since(began); err != nil || len(s.Instances) != 1 || took > 4*time.Second {
			t.Errorf("got %+v, error %v after %s; want the instance of dc3 soon", s, err, took)
		}
	})
}

// datacenters answer by their names.
type datacenters map[string]http.RoundTripper

func (d datacenters) RoundTrip(r *http.Request) (*http.Response, error) {
	return d[r.URL.Query().Get("dc")].RoundTrip(r)
}

// TestConsulHidesAll: what a token may not see is not told as nobody. A list that
// it may see a part of is one.
func TestConsulHidesAll(t *testing.T) {
	for body, want := range map[string]error{`[]`: discover.ErrRefused, `[{"Node":{"Node":"n"},"Service":{"ID":"a","Service":"web"},"Checks":[]}]`: nil} {
		c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Consul-Results-Filtered-By-Acls", "true")
			answer(200, "7", body)(w, r)
		})
		if _, err := c.Next(t.Context(), web, 0); !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "node:read") {
			t.Errorf("%s: got error %v, want %v", body, err, want)
		}
	}
}

// TestConsulHidesAllFromNobody: a Consul whose default is to deny answers who has no
// token with an empty list. Where its anonymous token may read, that is one; and
// what was seen once may go.
func TestConsulHidesAllFromNobody(t *testing.T) {
	const one = `[{"Node":{"Node":"n"},"Service":{"ID":"a","Service":"web"},"Checks":[]}]`
	for _, test := range []struct {
		name, token, policy, own string
		answers                  []string // about the service, one after the other
		want                     error    // of the last one
	}{
		{"nothing is shown", "", "deny", `[]`, []string{`[]`}, discover.ErrRefused},
		{"again and again", "", "deny", `[]`, []string{`[]`, `[]`}, discover.ErrRefused},
		{"Consul itself is shown", "", "deny", one, []string{`[]`}, nil},
		{"there is a token", "secret", "deny", `[]`, []string{`[]`}, nil},
		{"the default is to allow", "", "allow", `[]`, []string{`[]`}, nil},
		{"the last one left", "", "deny", `[]`, []string{one, `[]`}, nil},
		{"the first one came", "", "deny", `[]`, []string{`[]`, one}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Consul-Default-ACL-Policy", test.policy)
				if strings.HasSuffix(r.URL.Path, "/consul") {
					answer(200, "7", test.own)(w, r)
					return
				}
				answer(200, "7", test.answers[asked])(w, r)
				asked++
			}))
			defer server.Close()
			c, err := consul.New(&api.Config{Address: server.URL, Token: test.token}, consul.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseIdleConnections()
			watch := c.Open()
			defer watch.Close()
			for range test.answers {
				_, err = watch.Next(t.Context(), web, 0)
			}
			if !errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), "CONSUL_HTTP_TOKEN") {
				t.Errorf("got error %v, want %v", err, test.want)
			}
		})
	}
}

// TestRequestsHaveKinds: what a caller decides on is told of a request that is no
// question too.
func TestRequestsHaveKinds(t *testing.T) {
	for status, want := range map[int]error{403: discover.ErrRefused, 404: discover.ErrRefused, 400: discover.ErrRefused, 500: discover.ErrUnavailable, 429: discover.ErrUnavailable} {
		c := clientOf(t, answer(status, "1", "no"))
		err := c.Register(t.Context(), announce.Registration{ID: "web-1", Service: "web"})
		if !errors.Is(err, want) || !errors.Is(err, discover.ErrUnavailable) || want == discover.ErrUnavailable && errors.Is(err, discover.ErrRefused) {
			t.Errorf("%d: got error %v, want %v", status, err, want)
		}
	}
	gone := consulAt(t, "http://127.0.0.1:1", nil, consul.Config{})
	if err := gone.Register(t.Context(), announce.Registration{ID: "web-1", Service: "web"}); !errors.Is(err, discover.ErrUnavailable) || errors.Is(err, discover.ErrRefused) {
		t.Errorf("nobody listens: got error %v, want ErrUnavailable", err)
	}
}

// TestConsulToken: each request carries the token that there is by then.
func TestConsulToken(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.Header.Get("X-Consul-Token"))
		w.Header().Set("X-Consul-ContentHash", "h")
		answer(200, "1", `[]`)(w, r)
	}))
	defer server.Close()
	token, broken := "first", error(nil)
	c, err := consul.New(&api.Config{Address: server.Listener.Addr().String(), Token: "the client's"},
		consul.Config{Token: func() (string, error) { return token, broken }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	if _, err := c.Next(t.Context(), web, 0); err != nil {
		t.Fatal(err)
	}
	token = "second"
	if err := c.Register(t.Context(), announce.Registration{ID: "a", Service: "web"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Deregister(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET first", "PUT second", "PUT second"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	broken = errors.New("the vault is sealed")
	if _, err := c.Next(t.Context(), web, 0); !errors.Is(err, broken) || len(got) != 3 {
		t.Errorf("without a token: got error %v after %d requests, want none sent and why", err, len(got))
	}
}

func TestConsulStatus(t *testing.T) {
	tests := []struct {
		name, checks string
		want         discover.Status
		reason       string
	}{
		{"no checks", `[]`, discover.Passing, ""},
		{"null", `null`, discover.Passing, ""},
		{"warning", `[{"Name":"c","Status":"warning"},{"Name":"p","Status":"passing"}]`, discover.Warning, "c: warning"},
		{"maintenance", `[{"CheckID":"_service_maintenance:a","Name":"Service Maintenance Mode","Status":"critical","Notes":"moving"}]`,
			discover.Maintenance, "Service Maintenance Mode: moving"},
		{"node maintenance", `[{"CheckID":"_node_maintenance","Name":"Node Maintenance Mode","Status":"critical"}]`,
			discover.Maintenance, "Node Maintenance Mode: critical"},
		{"unknown", `[{"Name":"c","Status":"dreaming"}]`, discover.Critical, "c: dreaming"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := clientOf(t, answer(200, "1", `[{"Node":{"Node":"n"},"Service":{"ID":"a","Service":"web"},"Checks":`+test.checks+`}]`))
			s, err := c.Next(t.Context(), web, 0)
			if err != nil || s.Known() != 1 {
				t.Fatalf("got %+v, error %v", s, err)
			}
			got := append(s.Instances, s.Unhealthy...)[0]
			if got.Status != test.want || got.Reason != test.reason {
				t.Errorf("got %q because of %q, want %q because of %q", got.Status, got.Reason, test.want, test.reason)
			}
		})
	}
}

// Whatever a server says, it is an answer or an error, and never a panic or a
// list that went empty by mistake.
func TestConsulJunk(t *testing.T) {
	tests := []struct {
		name, index, body string
		status            int
		want              uint64 // 0 for an error
	}{
		{"empty", "7", `[]`, 200, 7},
		{"index 0", "0", `[]`, 200, 1},
		{"no index", "", `[]`, 200, 1},
		{"index is no number", "x", `[]`, 200, 1},
		{"greatest index", "18446744073709551615", `[]`, 200, 1<<64 - 1},
		{"no leader", "7", "No cluster leader", 500, 0},
		{"too many connections", "7", "slow down", 429, 0},
		{"null", "7", `null`, 200, 0},
		{"null entry", "7", `[null]`, 200, 0},
		{"empty entry", "7", `[{}]`, 200, 0},
		{"null check", "7", `[{"Node":{},"Service":{},"Checks":[null]}]`, 200, 0},
		{"object", "7", `{}`, 200, 0},
		{"page", "7", `<html>`, 200, 0},
		{"nothing", "7", ``, 200, 0},
		{"cut off", "7", `[{"Node":`, 200, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := clientOf(t, answer(test.status, test.index, test.body)).Next(t.Context(), web, 3)
			if (err != nil) != (test.want == 0) || s.Index != test.want {
				t.Errorf("got index %d, error %v; want index %d", s.Index, err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), `"web"`) {
				t.Errorf("the error does not name the service: %v", err)
			}
		})
	}
}

func TestConsulRefusesNonsense(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent", r.Method, r.URL) })
	_, next := c.Next(t.Context(), discover.Query{Service: "../kv/x"}, 0)
	_, await := c.Await(t.Context(), "..", "")
	for name, err := range map[string]error{
		"next":       next,
		"await":      await,
		"register":   c.Register(t.Context(), announce.Registration{ID: "1", Service: "web", Port: -1}),
		"deregister": c.Deregister(t.Context(), "a/../../force-leave/n"),
	} {
		if !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("%s: got error %v, want ErrInvalid", name, err)
		}
	}
}

// Every call ends with its context, and within a bounded time on a registry
// that accepts connections and says nothing.
func TestConsulHangs(t *testing.T) {
	calls := map[string]struct {
		call  func(ctx context.Context, c *consul.Client) error
		limit time.Duration
	}{
		"next": {func(ctx context.Context, c *consul.Client) error {
			_, err := c.Next(ctx, web, 0)
			return err
		}, 15 * time.Second},
		"blocked next": {func(ctx context.Context, c *consul.Client) error {
			_, err := c.Next(ctx, web, 1)
			return err
		}, 32 * time.Second},
		"await": {func(ctx context.Context, c *consul.Client) error {
			_, err := c.Await(ctx, "1", "")
			return err
		}, 15 * time.Second},
		"blocked await": {func(ctx context.Context, c *consul.Client) error {
			_, err := c.Await(ctx, "1", "hash")
			return err
		}, 32 * time.Second},
		"register": {func(ctx context.Context, c *consul.Client) error {
			return c.Register(ctx, announce.Registration{ID: "web-1", Service: "web", Port: 80})
		}, 15 * time.Second},
		"deregister": {func(ctx context.Context, c *consul.Client) error { return c.Deregister(ctx, "1") }, 15 * time.Second},
		"is muster": {func(ctx context.Context, c *consul.Client) error {
			_, err := c.IsMuster(ctx)
			return err
		}, 15 * time.Second},
	}
	for name, test := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consulAt(t, "registry", silence{}, consul.Config{Wait: 16 * time.Second})
				start := time.Now()
				err := test.call(t.Context(), c)
				if took := time.Since(start); err == nil || took != test.limit {
					t.Errorf("gave up after %s with error %v, want after %s", took, err, test.limit)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got error %v: it looks as if the caller's time were up", err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start = time.Now()
				if err := test.call(ctx, c); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
					t.Errorf("got error %v after %s, want the context's after a second", err, time.Since(start))
				}
			})
		})
	}
}

// silence is a connection that broke without a word.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// The same over a real connection.
func TestConsulCancelled(t *testing.T) {
	arrived := make(chan struct{})
	c := clientOf(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done() // the server sees the connection close
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := c.Next(ctx, web, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
}

func TestConsulIsMuster(t *testing.T) {
	for body, want := range map[string]bool{
		`{"Config":{"Version":"1.19.2"},"Member":{}}`:                            false,
		`{"Config":{"Version":"1.19.2"},"Member":{},"Muster":{"Version":"0.1"}}`: true,
	} {
		got, err := clientOf(t, answer(200, "", body)).IsMuster(t.Context())
		if err != nil || got != want {
			t.Errorf("%s: got %v, error %v", body, got, err)
		}
	}
	if _, err := clientOf(t, answer(403, "", "Permission denied")).IsMuster(t.Context()); err == nil {
		t.Error("got no error of a registry that refuses")
	}
}

func TestConsulRegister(t *testing.T) {
	var got string
	c := clientOf(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, " ", r.URL, " ", strings.TrimSpace(string(body)))
	})
	tests := map[string]struct {
		r    announce.Registration
		want string
	}{
		"least": {
			announce.Registration{ID: "1", Service: "web"},
			`{"ID":"1","Name":"web","Check":null,"Checks":null}`,
		},
		"defaults of a check": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{HTTP: "http://h/"}},
			`{"ID":"1","Name":"web","Check":{"Interval":"15s","HTTP":"http://h/","Status":"passing"},"Checks":null}`,
		},
		"gRPC": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{GRPC: "h:1/s", GRPCTLS: true, Status: discover.Critical}},
			`{"ID":"1","Name":"web","Check":{"Interval":"15s","Status":"critical","GRPC":"h:1/s","GRPCUseTLS":true},"Checks":null}`,
		},
		"TLS": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{HTTP: "https://h/", TLSServerName: "web.example"}},
			`{"ID":"1","Name":"web","Check":{"Interval":"15s","HTTP":"https://h/","Status":"passing","TLSServerName":"web.example"},"Checks":null}`,
		},
		"any certificate": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{GRPC: "h:1", GRPCTLS: true, TLSSkipVerify: true}},
			`{"ID":"1","Name":"web","Check":{"Interval":"15s","Status":"passing","TLSSkipVerify":true,"GRPC":"h:1","GRPCUseTLS":true},"Checks":null}`,
		},
		"TCP": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{TCP: "h:1", Interval: time.Second}},
			`{"ID":"1","Name":"web","Check":{"Interval":"1s","TCP":"h:1","Status":"passing"},"Checks":null}`,
		},
		"TTL": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{TTL: time.Second, Interval: time.Second, Timeout: time.Second, DeregisterAfter: time.Minute}},
			`{"ID":"1","Name":"web","Check":{"TTL":"1s","Status":"passing","DeregisterCriticalServiceAfter":"1m0s"},"Checks":null}`,
		},
		"locality": {
			announce.Registration{ID: "1", Service: "web", Locality: discover.Locality{Region: "eu", Zone: "eu-1"}},
			`{"ID":"1","Name":"web","Check":null,"Checks":null,"Locality":{"Region":"eu","Zone":"eu-1"}}`,
		},
		"unchecked": {
			announce.Registration{ID: "1", Service: "web", Check: announce.HealthCheck{Unchecked: true}},
			`{"ID":"1","Name":"web","Check":null,"Checks":null}`,
		},
		"everything": {
			announce.Registration{
				ID: "1", Service: "web", Address: "h", Port: 80, Tags: []string{"a"}, Meta: map[string]string{"k": "v"}, Weights: discover.Weights{Passing: 2},
				Check: announce.HealthCheck{HTTP: "http://h/", Interval: time.Second, Timeout: 2 * time.Second, DeregisterAfter: time.Minute},
			},
			`{"ID":"1","Name":"web","Tags":["a"],"Port":80,"Address":"h","Meta":{"k":"v"},"Weights":{"Passing":2,"Warning":0},` +
				`"Check":{"Interval":"1s","Timeout":"2s","HTTP":"http://h/","Status":"passing","DeregisterCriticalServiceAfter":"1m0s"},"Checks":null}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := c.Register(t.Context(), test.r); err != nil {
				t.Fatal(err)
			}
			want := "PUT /v1/agent/service/register?replace-existing-checks=true " + test.want
			if got != want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
		})
	}
	refusing := clientOf(t, answer(400, "", "Invalid check"))
	if err := refusing.Register(t.Context(), announce.Registration{ID: "web-1", Service: "web", Port: 80}); err == nil || !strings.Contains(err.Error(), "Invalid check") {
		t.Errorf("got error %v, want what the registry says", err)
	}
}

func TestConsulDeregister(t *testing.T) {
	for status, wantErr := range map[int]bool{200: false, 404: false, 403: true, 500: true} {
		err := clientOf(t, answer(status, "", "text")).Deregister(t.Context(), "1")
		if (err != nil) != wantErr {
			t.Errorf("status %d: got error %v", status, err)
		}
	}
}

func TestConsulAwait(t *testing.T) {
	tests := []struct {
		name, hash, body string
		status           int
		want             string
		wantErr          string
	}{
		{"known", "h2", `{"ID":"1"}`, 200, "h2", ""},
		{"unknown", "", `unknown service ID: 1`, 404, "", "not registered"},
		{"broken", "", `oh`, 500, "", "oh"},
		{"no hash", "", `{"ID":"1"}`, 200, "", "not a service"},
		{"null", "h2", `null`, 200, "", "not a service"},
		{"another service", "h2", `{"ID":"2"}`, 200, "", "not a service"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var asked string
			c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r.URL.String()
				w.Header().Set("X-Consul-ContentHash", test.hash)
				answer(test.status, "", test.body)(w, r)
			})
			got, err := c.Await(t.Context(), "1", "h1")
			if got != test.want || (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %q, error %v; want %q, error with %q", got, err, test.want, test.wantErr)
			}
			if (test.status == 404) != errors.Is(err, announce.ErrNotRegistered) {
				t.Errorf("got error %v: is it ErrNotRegistered?", err)
			}
			if want := "/v1/agent/service/1?hash=h1&wait=60000ms"; asked != want {
				t.Errorf("asked %s, want %s", asked, want)
			}
		})
	}
}

// A question that the registry has for wrong is not told as its silence.
func TestConsulRefusesAQuestion(t *testing.T) {
	for text, test := range map[string]struct {
		status  int
		refused bool
	}{
		"No path to datacenter": {500, true},
		`Failed to create boolean expression evaluator: Selector "Nope" is not valid`: {500, true},
		"Bad request: no such thing":   {400, true},
		"rpc error: No cluster leader": {500, false},
		"Permission denied":            {403, true},
		"404 page not found":           {404, true},
	} {
		c := clientOf(t, answer(test.status, "1", text))
		w := discover.Watch(c, web, discover.WatchConfig{})
		_, err := w.Tried(t.Context())
		if !errors.Is(err, discover.ErrUnavailable) || errors.Is(err, discover.ErrRefused) != test.refused || !strings.Contains(err.Error(), text) ||
			strings.Contains(err.Error(), discover.ErrUnavailable.Error()) == test.refused {
			t.Errorf("%d %s: got error %v", test.status, text, err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A datacenter to fail over to that cannot be asked is told of where nobody is
// healthy, and the list is the registry's all the same.
func TestConsulFailoverToNowhere(t *testing.T) {
	c := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("dc") != "" {
			answer(500, "1", "No path to datacenter")(w, r)
			return
		}
		answer(200, "7", "[]")(w, r)
	})
	var log logbook.Book
	w := discover.Watch(c, discover.Query{Service: "web", Failover: "nowhere"}, discover.WatchConfig{Logger: log.Logger()})
	defer w.Close()
	s, err := w.First(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(s.Err, discover.ErrRefused) || !strings.Contains(s.Err.Error(), `"nowhere"`) || s.State() != discover.Empty {
		t.Errorf("got state %q, error %v, want an empty list and that nowhere could not be asked", s.State(), s.Err)
	}
	log.Expect(t, "nowhere")
}
