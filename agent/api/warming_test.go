package api

import (
	"net/http"
	"testing"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/session"
	"github.com/realjf/muster/agent/state"
)

// TestWarming: after a restart an answer about health tells how many of its
// checks nobody has looked at since, and nothing once all were. Its body is
// what it was.
func TestWarming(t *testing.T) {
	store := state.New()
	life := func() door {
		own, err := local.New(store, state.Node{Node: "n1", Address: "127.0.0.1", Datacenter: "dc1"}, local.Config{Keep: true})
		if err != nil {
			t.Fatal(err)
		}
		return door{t, New(store, own, session.New(store, session.Config{}), Config{}), own}
	}
	d := life()
	for _, body := range []string{
		`{"Name":"web","ID":"web-1","Check":{"TTL":"1h","Status":"passing"}}`,
		`{"Name":"web","ID":"web-2","Check":{"TTL":"1h","Status":"warning"}}`,
		`{"Name":"db","Check":{"TTL":"1h","Status":"passing"}}`,
		`{"Name":"plain"}`,
	} {
		if got := d.put("/v1/agent/service/register", body); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", body, got.status, got.body)
		}
	}
	paths := []string{
		"/v1/health/service/web", "/v1/health/service/web?passing", "/v1/health/checks/web", "/v1/health/service/db", "/v1/health/service/plain",
		"/v1/health/state/any", "/v1/health/state/warning", "/v1/health/node/n1", "/v1/health/service/none",
	}
	before := map[string]string{}
	tells := func(want map[string]string) {
		t.Helper()
		for _, path := range paths {
			got := d.get(path)
			if there := got.header.Get("X-Muster-Warming"); there != want[path] {
				t.Errorf("%s: %q checks are warming, want %q", path, there, want[path])
			}
			if before[path] == "" {
				before[path] = got.body
			}
			if got.body != before[path] {
				t.Errorf("%s: got %s, want %s", path, got.body, before[path])
			}
		}
	}
	tells(nil)
	d = life()
	for range 2 { // the second time the answer is there already
		tells(map[string]string{
			"/v1/health/service/web": "2", "/v1/health/service/web?passing": "1", "/v1/health/checks/web": "2", "/v1/health/service/db": "1",
			"/v1/health/state/any": "3", "/v1/health/state/warning": "1", "/v1/health/node/n1": "3",
		})
	}
	d.put("/v1/agent/check/pass/service:web-1", "")
	tells(map[string]string{
		"/v1/health/service/web": "1", "/v1/health/checks/web": "1", "/v1/health/service/db": "1",
		"/v1/health/state/any": "2", "/v1/health/state/warning": "1", "/v1/health/node/n1": "2",
	})
	d.put("/v1/agent/check/warn/service:web-2", "")
	d.put("/v1/agent/check/pass/service:db", "")
	tells(nil)
}
