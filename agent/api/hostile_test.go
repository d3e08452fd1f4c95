package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/direct"
)

// besieged is a registry that keeps what it is told as one on disk does, has
// something of everything, and lets nobody wait. When a request was taken that
// is no read it is used up: what comes of a request depends on no other.
type besieged struct {
	*API
	kept *memory
	was  string // its state before
	used bool
}

// siege returns what besieges a registry, anew where the last one was used up.
func siege() func(t *testing.T) *besieged {
	var b *besieged
	return func(t *testing.T) *besieged {
		t.Helper()
		if b == nil || b.used {
			b = besiege(t)
		}
		return b
	}
}

// theSession is a session's id, for requests to name.
const theSession = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

// furnishings are the requests that fill a registry.
var furnishings = []string{
	`PUT /v1/agent/service/register {"Name":"web","ID":"web-1","Port":80,"Tags":["a","b"],"Meta":{"k":"v"},"Check":{"CheckID":"c","TTL":"1h","Status":"passing"}}`,
	`PUT /v1/agent/service/register {"Name":"proxy","Kind":"connect-proxy","Port":81,"Proxy":{"DestinationServiceName":"web"}}`,
	`PUT /v1/catalog/register {"Node":"other","Address":"10.0.0.2","NodeMeta":{"k":"v"},"Service":{"Service":"web","Port":8080,"Weights":{"Passing":2,"Warning":1}},"Check":{"Name":"x","Status":"critical","ServiceID":"web"}}`,
	`PUT /v1/kv/a value`, `PUT /v1/kv/a/b/c?flags=7 more`, `PUT /v1/kv/lock?acquire=` + theSession + ` held`,
	`POST /v1/query {"Name":"q","Service":{"Service":"web"}}`,
	`POST /v1/query {"Name":"geo","Template":{"Type":"name_prefix_match","Regexp":"^geo-(.*)$"},"Service":{"Service":"${match(1)}"}}`,
	`PUT /v1/event/fire/deploy v2`,
	`PUT /v1/config {"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http"}}`,
	`PUT /v1/config {"Kind":"service-resolver","Name":"web","Subsets":{"v1":{"Filter":"Service.Meta.version == v1"}}}`,
	`PUT /v1/config {"Kind":"service-splitter","Name":"web","Splits":[{"Weight":50,"ServiceSubset":"v1"},{"Weight":50}]}`,
	`PUT /v1/coordinate/update {"Node":"other","Coord":{"Vec":[0.1,0,0,0,0,0,0,0],"Error":1,"Height":0.00001}}`,
}

// besiege returns a furnished registry.
func besiege(t testing.TB) *besieged {
	t.Helper()
	kept := &memory{}
	store := state.Resume(state.Blank(), kept)
	d := behind(t, store)
	if err := store.Write(func(w *state.Writer) error {
		return w.PutSession(state.Session{ID: theSession, Node: "n1", Behavior: state.ReleaseLocks, TTL: "1h"})
	}); err != nil {
		t.Fatal(err)
	}
	b := &besieged{API: d, kept: kept}
	for _, line := range furnishings {
		method, rest, _ := strings.Cut(line, " ")
		target, body, _ := strings.Cut(rest, " ")
		if got := b.ask(t, method, target, body); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", line, got.status, got.body)
		}
	}
	b.Close() // who would wait is answered
	b.used = false
	b.was = written(t, store.Snapshot())
	return b
}

// behind returns an API of what store holds.
func behind(t testing.TB, store *state.Store) *API {
	t.Helper()
	node := state.Node{ID: "adf4238a-882b-9ddc-4a9d-5b6758e4159e", Node: "n1", Address: "127.0.0.1", Datacenter: "dc1"}
	own, err := local.New(store, node, local.Config{Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	return New(store, own, session.New(store, session.Config{}), Config{})
}

// ask sends a request whose URL may be what no client would send.
func (b *besieged) ask(t testing.TB, method, target, body string) response {
	t.Helper()
	to, err := url.ParseRequestURI(target)
	if err != nil {
		t.Skip("the server of HTTP refuses it")
	}
	to.Scheme, to.Host = "http", "registry"
	request, err := http.NewRequestWithContext(t.Context(), method, to.String(), strings.NewReader(body))
	if err != nil {
		t.Skip("the server of HTTP refuses it")
	}
	b.used = b.used || method != http.MethodGet
	back, err := direct.Transport(b).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(back.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{back.StatusCode, back.Header, string(content)}
}

// memory keeps commits as a disk would.
type memory struct {
	whole   []byte
	commits [][]byte
}

func (m *memory) Ready(*state.Snapshot) error { return nil }

func (m *memory) Keep(_ *state.Snapshot, commit []byte) error {
	m.commits = append(m.commits, bytes.Clone(commit))
	return nil
}

func (m *memory) Replace(all *state.Snapshot) error {
	var out bytes.Buffer
	err := all.Save(&out)
	m.whole, m.commits = out.Bytes(), nil
	return err
}

// read returns what was kept, as a restart would read it.
func (m *memory) read(t *testing.T) *state.Saved {
	t.Helper()
	saved := state.Blank()
	if m.whole != nil {
		var err error
		if saved, err = state.Load(bytes.NewReader(m.whole)); err != nil {
			t.Fatalf("what was kept cannot be read: %v", err)
		}
	}
	for _, commit := range m.commits {
		read, err := state.NewReader().Commit(commit)
		if err == nil {
			err = saved.Redo(read)
		}
		if err != nil {
			t.Fatalf("what was kept cannot be read: %v in %s", err, commit)
		}
	}
	if err := saved.Check(); err != nil {
		t.Fatalf("what was kept does not fit together: %v", err)
	}
	return saved
}

// written returns a state as it is saved.
func written(t testing.TB, s *state.Snapshot) string {
	t.Helper()
	var out strings.Builder
	if err := s.Save(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// survives fails when a restart would find another state than there is, or
// could not go on with it, or when what was refused has changed something.
func (b *besieged) survives(t *testing.T, refused bool) {
	t.Helper()
	now := written(t, b.store.Snapshot())
	if refused && now != b.was {
		t.Errorf("it was refused, and changed\n%s\ninto\n%s", b.was, now)
	}
	if now == b.was {
		b.used = b.used && !refused
		return
	}
	saved := b.kept.read(t)
	if found := written(t, saved.Snapshot()); found != now {
		t.Errorf("a restart would find\n%s\ninstead of\n%s", found, now)
	}
	again := behind(t, state.Resume(saved, &memory{}))
	services, _ := b.local.Services()
	after, _ := again.local.Services()
	if len(after) != len(services) {
		t.Errorf("%d services are announced, and %d after a restart", len(services), len(after))
	}
	if _, err := state.Load(strings.NewReader(now)); err != nil {
		t.Errorf("a snapshot of it could not be restored: %v", err)
	}
}

// Bounds on what one request of at most longestRequest bytes may be answered by
// a registry that has next to nothing in it.
const (
	longestRequest = 8 << 10
	longestAnswer  = 1 << 20
	longestTime    = 20 * time.Second // on a machine that does much else
)

// sane fails when an answer is none that a client could make something of.
func sane(t *testing.T, got response, took time.Duration) {
	t.Helper()
	kind := got.header.Get("Content-Type")
	switch {
	case got.status < 200 || got.status > 504 || http.StatusText(got.status) == "":
		t.Errorf("got status %d", got.status)
	case len(got.body) > longestAnswer:
		t.Errorf("got %d bytes", len(got.body))
	case took > longestTime:
		t.Errorf("it took %s", took)
	case strings.HasPrefix(kind, "application/json") && !json.Valid([]byte(got.body)):
		t.Errorf("got what is no JSON: %q", got.body)
	case strings.Contains(kind, "html") && got.status != http.StatusMovedPermanently:
		t.Errorf("got a page, of what a stranger said: %q", got.body)
	}
	for name, values := range got.header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n") {
				t.Errorf("the header %s has two lines: %q", name, value)
			}
		}
	}
}

// fleeting are the reads whose answer is another each time, or takes its time:
// of the machine and of the process, of times, or in an order drawn anew.
var fleeting = []string{"/v1/agent/host", "/v1/agent/metrics", "/v1/agent/self", "/v1/agent/monitor", "/v1/snapshot", "/v1/query/", "/debug/"}

func isFleeting(path string) bool {
	return slices.ContainsFunc(fleeting, func(start string) bool { return strings.HasPrefix(path, start) })
}

// FuzzRequest: whatever is asked, the answer is sane, comes in bounded time and
// size, and is the same when it is asked again; what is refused changes nothing;
// and what is taken is there after a restart.
func FuzzRequest(f *testing.F) {
	for _, seed := range recorded(f) {
		f.Add(seed.method, seed.target, seed.body)
	}
	next := siege()
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if len(target)+len(body) > longestRequest || strings.Contains(target, "/v1/agent/host") {
			t.Skip()
		}
		next(t).hold(t, method, target, body)
	})
}

// hold sends a request and looks at what comes of it.
func (b *besieged) hold(t *testing.T, method, target, body string) {
	t.Helper()
	began := time.Now()
	got := b.ask(t, method, target, body)
	sane(t, got, time.Since(began))
	to, _ := url.ParseRequestURI(target)
	reads := method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
	b.survives(t, reads || got.status >= 300)
	if !reads || isFleeting(to.Path) {
		return
	}
	if again := b.ask(t, method, target, body); again.status != got.status || again.body != got.body || again.index() != got.index() {
		t.Errorf("got %d %s, and then %d %s", got.status, got.body, again.status, again.body)
	}
}

// FuzzBody: whatever is said to an endpoint that takes something, what it
// refuses it says why, and has taken nothing of; what it takes is there after a
// restart.
func FuzzBody(f *testing.F) {
	var takers []recordedRequest
	for _, seed := range recorded(f) {
		path, _, _ := strings.Cut(seed.target, "?")
		if !strings.HasPrefix(seed.body, "{") && !strings.HasPrefix(seed.body, "[") {
			continue
		}
		at := slices.IndexFunc(takers, func(r recordedRequest) bool { return r.method == seed.method && r.target == path })
		if at < 0 {
			at = len(takers)
			takers = append(takers, recordedRequest{method: seed.method, target: path})
		}
		f.Add(byte(at), seed.body)
	}
	next := siege()
	f.Fuzz(func(t *testing.T, at byte, body string) {
		if len(body) > longestRequest {
			t.Skip()
		}
		to := takers[int(at)%len(takers)]
		b := next(t)
		began := time.Now()
		got := b.ask(t, to.method, to.target, body)
		sane(t, got, time.Since(began))
		b.survives(t, got.status >= 300)
		if got.status >= 400 && got.body == "" {
			t.Errorf("%s %s: refused without a word: %d", to.method, to.target, got.status)
		}
	})
}

// FuzzParameters: whatever a read is asked with, it waits within the limits or
// is refused, and says the same again.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"index=1&wait=10s", "wait=-5m", "wait=1000000h&index=0", "index=18446744073709551616", "stale&consistent", "cached", "near=_agent", "near=other&tag=a&tag=b",
		"dc=dc1", "dc=x", "node-meta=k:v", "passing=0", "keys&separator=/", "recurse", "raw", "filter=Node==n1", "max_stale=5s", "pretty", "ns=a&partition=b", "peer=x",
		"wait=1ns&index=%zz", "hash=abc&wait=5m", "with-intentions&kind=web", "limit=1", "token=x;y", "format=text", "merge-central-config",
	} {
		f.Add(byte(0), seed)
	}
	paths := []string{
		"/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/web", "/v1/catalog/node/other", "/v1/health/service/web", "/v1/health/state/any",
		"/v1/health/node/n1", "/v1/kv/a", "/v1/kv/", "/v1/agent/services", "/v1/agent/service/web-1", "/v1/agent/checks", "/v1/session/list", "/v1/event/list",
		"/v1/config/service-resolver/web", "/v1/discovery-chain/web", "/v1/coordinate/nodes", "/v1/internal/ui/services", "/v1/agent/health/service/name/web",
	}
	next := siege()
	f.Fuzz(func(t *testing.T, at byte, query string) {
		if len(query) > longestRequest || strings.ContainsAny(query, "# ") {
			t.Skip()
		}
		b := next(t)
		if values, err := url.ParseQuery(query); err == nil {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry/v1/catalog/nodes?"+query, nil)
			if err != nil {
				t.Skip("the server of HTTP refuses it")
			}
			options, err := b.readOptions(r)
			switch {
			case err != nil && status(err) < 400:
				t.Errorf("%q is refused with %d: %v", query, status(err), err)
			case err == nil && (options.wait <= 0 || options.wait > longestWait+longestWait/16):
				t.Errorf("%q would wait %s", query, options.wait)
			case err == nil && values.Get("index") == "" && options.index != 0:
				t.Errorf("%q has the index %d", query, options.index)
			}
		}
		b.hold(t, http.MethodGet, paths[int(at)%len(paths)]+"?"+query, "")
	})
}

// FuzzFilter: whatever a filter says, it is refused, or it chooses of a list
// what it chooses of each element alone, and its negation the others.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`Node == n1`, `Service.Tags contains "a" and Service.Port != 80`, `not (Node.Meta.k == v or Checks is empty)`, `"v" in Service.Meta`,
		`Service.Proxy.DestinationServiceName matches "^w"`, `Node.TaggedAddresses["lan"] == ""`, `Checks.Status != passing`, `((Node.Node == a))`, `(`,
		`Service.Weights.Passing == 1`, `Service.Port == "x"`, `Service.ID not in Node`, `Service.Meta["a"] is not empty`, `Checks.ServiceTags contains a`,
		`Service.Connect.Native == true`, `Node matches "("`, `Service.Proxy.Upstreams is empty`, `Checks.Definition.Interval == 5`, `Service.Locality.Region == a`,
	} {
		f.Add(seed)
	}
	b := besiege(f)
	snapshot := b.store.Snapshot()
	instances := append(snapshot.Instances("web"), snapshot.Instances("proxy")...)
	f.Fuzz(func(t *testing.T, expression string) {
		if len(expression) > longestRequest || expression == "" || strings.Count(expression, "(") > 3 {
			t.Skip("it is read ten times here, and slow to read: the bounds have a test of their own")
		}
		chosen, err := filtered(expression, instances)
		if err != nil {
			if status(err) < 400 || err.Error() == "" {
				t.Errorf("refused with %d %q", status(err), err)
			}
			return
		}
		var each []state.Instance
		for n := range instances {
			one, err := filtered(expression, instances[n:n+1])
			if err != nil {
				t.Fatalf("refused of one element: %v", err)
			}
			each = append(each, one...)
		}
		if len(each) != len(chosen) || len(each) > 0 && !reflect.DeepEqual(each, chosen) {
			t.Errorf("of all it chooses %d, and of each %d", len(chosen), len(each))
		}
		others, err := filtered("not ("+expression+")", instances)
		if err == nil && len(others)+len(chosen) > len(instances) {
			t.Errorf("it chooses %d, and its negation %d of %d", len(chosen), len(others), len(instances))
		}
	})
}

// recordedRequest is one that a real Consul was asked.
type recordedRequest struct{ method, target, body string }

// recorded returns requests of the lists that a real Consul was asked: the first
// to each endpoint with each method that it takes, and the first with each
// parameter and with each first field of a body there.
func recorded(f *testing.F) (all []recordedRequest) {
	f.Helper()
	lists, err := filepath.Glob("../../test/conformance/testdata/requests/*.txt")
	if err != nil || len(lists) == 0 {
		f.Fatalf("no lists of requests: %v", err)
	}
	api := behind(f, state.New())
	takes := map[string]bool{} // methods and paths
	for _, route := range api.routes() {
		for method, handler := range map[string]handler{
			http.MethodGet: route.get, http.MethodPost: route.post, http.MethodPut: route.put, http.MethodDelete: route.del,
		} {
			takes[method+" "+route.path] = handler != nil
		}
	}
	known := map[string]bool{}
	for _, list := range lists {
		lines, err := os.ReadFile(list)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(lines)) {
			method, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			target, body, _ := strings.Cut(rest, " ")
			r, err := http.NewRequest(method, "http://registry"+target, nil)
			if err != nil || !strings.HasPrefix(target, "/v1/") {
				continue // it is no request over HTTP
			}
			_, path := api.mux.Handler(r)
			endpoint := method + " " + path
			if !takes[endpoint] {
				continue
			}
			field, _, _ := strings.Cut(body, ":")
			keys := []string{endpoint, endpoint + field}
			for name := range r.URL.Query() {
				keys = append(keys, name)
			}
			if slices.ContainsFunc(keys, func(key string) bool { return !known[key] }) {
				all = append(all, recordedRequest{method, target, body})
			}
			for _, key := range keys {
				known[key] = true
			}
		}
	}
	return all
}
