package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

// TestCheckOfTheMachine: it is named after what it looks at, looks every ten
// seconds, and takes nobody out before it has looked.
func TestCheckOfTheMachine(t *testing.T) {
	d := open(t, Config{})
	for _, body := range []string{
		`{"Host":" memory < 90% "}`, `{"Host":"disk:/var/a<90%","Interval":"1m","Status":"warning"}`, `{"Host":"load<5","Name":"busy"}`,
		`{"Host":"swap<5%","ID":"mine"}`,
	} {
		if got := d.put("/v1/agent/check/register", body); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := d.put("/v1/agent/service/register", `{"Name":"web","Check":{"Host":"load<5"}}`); got.status != http.StatusOK {
		t.Fatalf("of a service: %d %s", got.status, got.body)
	}
	var checks map[string]state.Check
	if err := json.Unmarshal([]byte(d.get("/v1/agent/checks").body), &checks); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]state.Check{
		"host:memory":      {Name: "memory<90%", Status: "passing", Interval: "10s"},
		"host:disk:/var/a": {Name: "disk:/var/a<90%", Status: "warning", Interval: "1m0s"},
		"busy":             {Name: "busy", Status: "passing", Interval: "10s"},
		"mine":             {Name: "swap<5%", Status: "passing", Interval: "10s"},
		"service:web":      {Name: "Service 'web' check", Status: "passing", Interval: "10s"},
	} {
		got := checks[id]
		if got.Type != "host" || got.Name != want.Name || got.Status != want.Status || got.Interval != want.Interval {
			t.Errorf("%s: got %+v, want %+v", id, got, want)
		}
	}
}

func TestWrongCheckOfTheMachine(t *testing.T) {
	d := open(t, Config{})
	for body, want := range map[string]string{
		`{"Host":"memory<90"}`:                               `Invalid check: bound "memory<90": "90": memory is held against a percentage, like 90%`,
		`{"Host":"memory<90%","TTL":"5s","Interval":"5s"}`:   "Interval and TTL cannot both be specified",
		`{"Host":"memory<90%","TTL":"5s"}`:                   "Interval must be > 0",
		`{"Host":"memory<90%","HTTP":"http://127.0.0.1:80"}`: "looks at nothing else",
	} {
		if got := d.put("/v1/agent/check/register", body); got.status != http.StatusBadRequest || !strings.Contains(got.body, want) {
			t.Errorf("%s: got %d %s, want 400 and %s", body, got.status, got.body, want)
		}
	}
}

func TestCheckHistory(t *testing.T) {
	d := open(t, Config{})
	d.register("web", "web-1")
	for range 2 {
		d.put("/v1/agent/check/fail/service:web-1?note=no", "")
	}
	got := d.get("/v1/agent/check/history/service:web-1")
	for _, want := range []string{`"CheckID":"service:web-1"`, `"Status":"critical"`, `"Changed":"`, `"Looks":[{"Status":"critical","Output":"no","Held":false,"First":"`, `"Count":2}]`} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("got %d %s, want %s", got.status, got.body, want)
		}
	}
	if got := d.get("/v1/agent/check/history/none"); got.status != http.StatusNotFound || !strings.Contains(got.body, `Unknown check ID "none"`) {
		t.Errorf("of a check that is not there: %d %s", got.status, got.body)
	}
	if got := d.put("/v1/agent/check/register", `{"Name":"x","TTL":"5s","FlapDamping":"1m"}`); got.status != http.StatusBadRequest || !strings.Contains(got.body, "FlapDamping is for checks that look") {
		t.Errorf("damping of a TTL: %d %s", got.status, got.body)
	}
}
