package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/direct"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door is an API without a network, so that time in a bubble can pass.
type door struct {
	t     *testing.T
	api   *API
	local *local.Local
}

func open(t *testing.T, config Config) door {
	t.Helper()
	store := state.New()
	own, err := local.New(store, state.Node{
		Node: "n1", Address: "127.0.0.1", Datacenter: "dc1", Meta: map[string]string{"consul-version": "1.19.2"},
	}, local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return door{t, New(store, own, session.New(store, session.Config{}), config), own}
}

// response is what came back.
type response struct {
	status int
	header http.Header
	body   string
}

func (a response) index() uint64 {
	index, _ := strconv.ParseUint(a.header.Get("X-Consul-Index"), 10, 64)
	return index
}

// ask sends one request; header is a list of names and values.
func (d door) ask(ctx context.Context, method, path, body string, header ...string) (response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://registry"+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	for n := 0; n < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	back, err := direct.Transport(d.api).RoundTrip(request)
	if err != nil {
		return response{}, err
	}
	content, err := io.ReadAll(back.Body)
	return response{back.StatusCode, back.Header, string(content)}, err
}

func (d door) get(path string, header ...string) response {
	d.t.Helper()
	got, err := d.ask(d.t.Context(), http.MethodGet, path, "", header...)
	if err != nil {
		d.t.Fatalf("GET %s: %v", path, err)
	}
	return got
}

func (d door) put(path, body string) response {
	d.t.Helper()
	got, err := d.ask(d.t.Context(), http.MethodPut, path, body)
	if err != nil {
		d.t.Fatalf("PUT %s: %v", path, err)
	}
	return got
}

// register announces an instance that passes.
func (d door) register(name, id string) {
	d.t.Helper()
	body := fmt.Sprintf(`{"Name":%q,"ID":%q,"Port":80,"Check":{"TTL":"1000h","Status":"passing"}}`, name, id)
	if got := d.put("/v1/agent/service/register", body); got.status != http.StatusOK {
		d.t.Fatalf("register %s: %d %s", id, got.status, got.body)
	}
}

func TestPrettyIsAskedForOrConfigured(t *testing.T) {
	const path = "/v1/catalog/datacenters"
	plain, dev := open(t, Config{}), open(t, Config{Pretty: true})
	for _, tc := range []struct{ name, got, want string }{
		{"by default", plain.get(path).body, `["dc1"]`},
		{"when asked", plain.get(path + "?pretty").body, "[\n    \"dc1\"\n]\n"},
		{"in dev mode", dev.get(path).body, "[\n    \"dc1\"\n]"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

func TestGzip(t *testing.T) {
	d := open(t, Config{})
	for n := range 20 {
		d.register("web", fmt.Sprintf("web-%d", n))
	}
	const path = "/v1/health/service/web"
	plain, zipped := d.get(path), d.get(path, "Accept-Encoding", "gzip")
	if got := plain.header.Get("Content-Encoding"); got != "" {
		t.Errorf("a client that takes no gzip got %q", got)
	}
	if got := zipped.header.Get("Content-Encoding"); got != "gzip" || len(zipped.body) >= len(plain.body)/2 {
		t.Errorf("got encoding %q and %d bytes of %d", got, len(zipped.body), len(plain.body))
	}
	if got := d.get("/v1/status/leader", "Accept-Encoding", "gzip").header.Get("Content-Encoding"); got != "" {
		t.Errorf("a small answer was compressed: %q", got)
	}
}

func TestTooLargeBodyChangesNothing(t *testing.T) {
	d := open(t, Config{})
	got := d.put("/v1/agent/service/register", `{"Name":"big","Tags":["`+strings.Repeat("a", 10<<20)+`"]}`)
	if got.status != http.StatusRequestEntityTooLarge || !strings.HasPrefix(got.body, "Request body(") {
		t.Errorf("got %d %.80s, want 413", got.status, got.body)
	}
	if services := d.get("/v1/agent/services").body; services != "{}" {
		t.Errorf("a refused body left %s", services)
	}
}

// TestTooLargeBodiesAreRefused sends more than half a MiB to whatever takes a
// body.
func TestTooLargeBodiesAreRefused(t *testing.T) {
	d := open(t, Config{})
	body := `{"Name":"` + strings.Repeat("a", maxBody) + `"}`
	for ask, want := range map[string]string{
		"PUT agent/service/register": "Request body(", "PUT agent/check/register": "Request body(", "PUT agent/check/update/c": "Request body(",
		"PUT catalog/register": "Request body(", "PUT catalog/deregister": "Request body(", "PUT coordinate/update": "Request body(",
		"PUT session/create": "Request body(", "POST query": "Request body(", "PUT kv/a": "Request body(", "PUT txn": "Request body(",
		"PUT event/fire/x": "error broadcasting event: user event exceeds",
	} {
		method, path, _ := strings.Cut(ask, " ")
		got, err := d.ask(t.Context(), method, "/v1/"+path, body)
		switch {
		case err != nil:
			t.Errorf("%s: %v", ask, err)
		case !strings.HasPrefix(got.body, want):
			t.Errorf("%s: got %d %.80s, want %s", ask, got.status, got.body, want)
		case strings.HasPrefix(want, "Request") && got.status != http.StatusRequestEntityTooLarge:
			t.Errorf("%s: got %d, want 413", ask, got.status)
		}
	}
}

func TestUnservedPathsSaySo(t *testing.T) {
	d := open(t, Config{})
	for _, path := range []string{"/v1/connect/ca/roots", "/v1/agent/connect/ca/roots"} {
		if got := d.get(path); got.status != http.StatusNotImplemented || !strings.Contains(got.body, "muster does not serve "+path) {
			t.Errorf("%s: got %d %q", path, got.status, got.body)
		}
	}
}

func TestWhatOnlyAClusterCanDoSaysSo(t *testing.T) {
	d := open(t, Config{})
	for _, ask := range []string{"PUT agent/join/10.0.0.1", "POST operator/raft/transfer-leader", "GET operator/keyring"} {
		method, path, _ := strings.Cut(ask, " ")
		got, err := d.ask(t.Context(), method, "/v1/"+path, "")
		if err != nil || got.status != http.StatusNotImplemented || !strings.Contains(got.body, "Consul cluster") {
			t.Errorf("%s: got %d %q, %v", ask, got.status, got.body, err)
		}
	}
}

// TestAllOfAccessControlIsOff guards the table: a method too few would be 405.
func TestAllOfAccessControlIsOff(t *testing.T) {
	d := open(t, Config{})
	for _, ask := range []string{"PUT bootstrap", "POST login", "GET token/self", "DELETE policy/x", "POST templated-policy/preview/x"} {
		method, path, _ := strings.Cut(ask, " ")
		got, err := d.ask(t.Context(), method, "/v1/acl/"+path, "")
		if err != nil || got.status != http.StatusUnauthorized || got.body != "ACL support disabled" {
			t.Errorf("%s: got %d %q, %v", ask, got.status, got.body, err)
		}
	}
}

// TestWhoWaitsHearsOfAnEvent shows that an event wakes those who wait for its
// name, and no others.
func TestWhoWaitsHearsOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		first := d.get("/v1/event/list?name=deploy")
		answered := make(chan response, 1)
		go func() { // ends with the event or the wait; awaited below
			answered <- d.get(fmt.Sprintf("/v1/event/list?name=deploy&wait=1h&index=%d", first.index()))
		}()
		synctest.Wait()
		d.put("/v1/event/fire/other", "")
		d.put("/v1/event/fire/deploy?node=elsewhere", "")
		synctest.Wait()
		select {
		case got := <-answered:
			t.Fatalf("woken for nothing: %s", got.body)
		default:
		}
		d.put("/v1/event/fire/deploy", "v2")
		got := <-answered
		if !strings.Contains(got.body, `"Payload":"djI="`) || got.index() == first.index() {
			t.Errorf("got %s at index %d", got.body, got.index())
		}
	})
}

// TestCachedTellsAndIsNeverOld shows that ?cached changes what is said of an
// answer, and not the answer.
func TestCachedTellsAndIsNeverOld(t *testing.T) {
	d := open(t, Config{})
	const path = "/v1/health/service/web?cached"
	if got := d.get(path); got.header.Get("X-Cache") != "MISS" || got.header.Get("Age") != "" {
		t.Errorf("the first to ask got X-Cache %q and Age %q", got.header.Get("X-Cache"), got.header.Get("Age"))
	}
	d.register("web", "web-1")
	got := d.get(path)
	if got.header.Get("X-Cache") != "HIT" || got.header.Get("Age") != "0" {
		t.Errorf("the second to ask got X-Cache %q and Age %q", got.header.Get("X-Cache"), got.header.Get("Age"))
	}
	if !strings.Contains(got.body, "web-1") {
		t.Errorf("an answer from before the registration: %s", got.body)
	}
	if got := d.get("/v1/health/service/web").header.Get("X-Cache"); got != "" {
		t.Errorf("who did not ask for a cache was told %q", got)
	}
}

func TestCoordinateUpdateWithoutOne(t *testing.T) {
	d := open(t, Config{})
	if got := d.put("/v1/coordinate/update", `{"Node":"n1"}`); got.status != http.StatusInternalServerError || got.body != "invalid coordinate" {
		t.Errorf("got %d %q", got.status, got.body)
	}
}

// TestNearFollowsTheCoordinates guards the topic of ordered lists.
func TestNearFollowsTheCoordinates(t *testing.T) {
	d := open(t, Config{})
	for _, node := range []string{"a", "b"} {
		d.put("/v1/catalog/register", fmt.Sprintf(`{"Node":%q,"Address":"10.0.0.1","Service":{"Service":"web"}}`, node))
	}
	place := func(node string, x float64) {
		d.put("/v1/coordinate/update", fmt.Sprintf(`{"Node":%q,"Coord":{"Vec":[%g,0,0,0,0,0,0,0]}}`, node, x))
	}
	first := func() string {
		var found []struct{ Node string }
		if err := json.Unmarshal([]byte(d.get("/v1/catalog/service/web?near=_agent").body), &found); err != nil || len(found) != 2 {
			t.Fatalf("got %v, %v", found, err)
		}
		return found[0].Node
	}
	place("a", 0.2)
	place("b", 0.1)
	if got := first(); got != "b" {
		t.Errorf("the nearest is %s, want b", got)
	}
	place("b", 0.3)
	if got := first(); got != "a" {
		t.Errorf("after b moved away the nearest is %s, want a", got)
	}
}

// TestFilteredListsFollowEveryChange guards the topics of reads that choose by
// what their unfiltered form does not show.
func TestFilteredListsFollowEveryChange(t *testing.T) {
	d := open(t, Config{})
	d.register("web", "web-1")
	const path = "/v1/catalog/services?filter=ServicePort==81"
	if got := d.get(path).body; got != "{}" {
		t.Fatalf("got %s before anything has the port", got)
	}
	d.put("/v1/agent/service/register", `{"Name":"web","ID":"web-1","Port":81}`)
	if got := d.get(path).body; got != `{"web":[]}` {
		t.Errorf("got %s after the port moved, want web", got)
	}
}

func TestSelf(t *testing.T) {
	d := open(t, Config{Version: "v9"})
	var self struct {
		Config struct{ Datacenter, NodeName, Version string }
		Muster struct{ Version string }
		Member struct{ Addr string }
		Coord  state.Coord
	}
	if err := json.Unmarshal([]byte(d.get("/v1/agent/self").body), &self); err != nil {
		t.Fatal(err)
	}
	if self.Config.Datacenter != "dc1" || self.Config.NodeName != "n1" || self.Config.Version != "1.19.2" ||
		self.Muster.Version != "v9" || self.Member.Addr != "127.0.0.1" || self.Coord.Distance(state.Origin()) > 0.001 || self.Coord.Error == 0 {
		t.Errorf("got %+v", self)
	}
}
