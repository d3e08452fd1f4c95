package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/internal/direct"
)

func TestWorkOf(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		want         work
	}{
		{"PUT", "/v1/agent/check/update/{id...}", light},
		{"PUT", "/v1/agent/check/pass/{id...}", light},
		{"PUT", "/v1/agent/check/register", changing},
		{"PUT", "/v1/agent/check/deregister/{id...}", urgentChanging},
		{"PUT", "/v1/session/renew/{id...}", light},
		{"PUT", "/v1/agent/maintenance", light},
		{"GET", "/v1/status/leader", light},
		{"GET", "/v1/agent/self", light},
		{"GET", "/v1/agent/metrics", urgentMaking},
		{"GET", "/v1/agent/metrics/stream", light},
		{"GET", "/v1/agent/health/service/id/{id...}", urgentMaking},
		{"GET", "/v1/health/service/{service...}", light}, // until it must be made
		{"GET", "/v1/query/{id...}", making},
		{"PUT", "/v1/query/{id...}", changing},
		{"DELETE", "/v1/kv/{key...}", changing},
		{"PUT", "/v1/txn", changing},
		{"PUT", "/v1/catalog/register", changing},
		{"PUT", "/v1/snapshot", light},
		{"GET", "/v1/snapshot", light},
	} {
		if got := workOf(tc.method, tc.path); got != tc.want {
			t.Errorf("%s %s is work %d, want %d", tc.method, tc.path, got, tc.want)
		}
	}
}

// fill takes all turns, and returns what gives them back.
func fill(t *testing.T, turns *turns) (empty func()) {
	t.Helper()
	if err := turns.take(t.Context(), turns.most, usual, time.Now()); err != nil {
		t.Fatal(err)
	}
	return func() { turns.give(turns.most) }
}

// TestABusyRegistry is one that has no turn left: it refuses what may be asked
// again, and goes on with what must not fail.
func TestABusyRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.put("/v1/agent/service/register", `{"Name":"web","Check":{"TTL":"1m"}}`)
		d.put("/v1/agent/service/register", `{"Name":"old"}`)
		session := d.put("/v1/session/create", "").body
		session = strings.Trim(session, `{}"ID: `+"\n")
		d.get("/v1/health/service/web") // there from now on
		written, made := fill(t, d.api.desk.changing), fill(t, d.api.desk.making)

		for _, tc := range []struct{ method, path, body string }{
			{"GET", "/v1/health/service/other", ""},
			{"GET", "/v1/query/other/execute", ""},
			{"PUT", "/v1/kv/a", "b"},
			{"PUT", "/v1/agent/service/register", `{"Name":"other"}`},
			{"PUT", "/v1/txn", `[]`},
		} {
			began := time.Now()
			got, err := d.ask(t.Context(), tc.method, tc.path, tc.body)
			if err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" || got.body != errBusy.text {
				t.Errorf("%s %s: %v, %v, want to be refused", tc.method, tc.path, got, err)
			}
			if took := time.Since(began); took > longestTurn {
				t.Errorf("%s %s was refused after %s", tc.method, tc.path, took)
			}
			if index := got.header.Get("X-Consul-Index"); index != "" {
				t.Errorf("%s %s: was refused with index %s", tc.method, tc.path, index)
			}
		}
		for _, tc := range []struct{ method, path, body string }{
			{"PUT", "/v1/agent/check/pass/service:web", ""},
			{"PUT", "/v1/agent/check/update/service:web", `{"Status":"warning","Output":"x"}`},
			{"PUT", "/v1/session/renew/" + session, ""},
			{"GET", "/v1/status/leader", ""},
			{"GET", "/v1/agent/self", ""},
		} {
			if got, err := d.ask(t.Context(), tc.method, tc.path, tc.body); err != nil || got.status != http.StatusOK {
				t.Errorf("%s %s: %v, %v, want it done", tc.method, tc.path, got, err)
			}
		}

		// What waits for its turn gets it, however long that takes.
		waiting := make(chan response)
		for _, tc := range []struct{ method, path string }{
			{"GET", "/v1/agent/metrics"}, {"PUT", "/v1/agent/service/deregister/old"},
		} {
			go func() { // ends with its turn; awaited below
				got, err := d.ask(t.Context(), tc.method, tc.path, "")
				if err != nil {
					t.Error(err)
				}
				waiting <- got
			}()
		}
		time.Sleep(time.Minute)
		written()
		made()
		for range 2 {
			if got := <-waiting; got.status != http.StatusOK {
				t.Errorf("what is patient was answered %v", got)
			}
		}
		figures := d.get("/v1/agent/metrics?format=prometheus").body
		for _, want := range []string{`muster_http_refused{what="read"} 2`, `muster_http_refused{what="write"} 3`} {
			if !strings.Contains(figures, want+"\n") {
				t.Errorf("the figures have no %s", want)
			}
		}
		if got := d.get("/v1/health/service/other"); got.status != http.StatusOK {
			t.Errorf("afterwards: %v", got)
		}
	})
}

// TestWokenReadersWait: who has waited for a change is told of it, late rather
// than not.
func TestWokenReadersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.put("/v1/agent/service/register", `{"Name":"web","Check":{"TTL":"1m"}}`)
		index := d.get("/v1/health/service/web").header.Get("X-Consul-Index")
		woken := make(chan response, 1)
		go func() { woken <- d.get("/v1/health/service/web?index=" + index) }() // ends with the change; awaited below
		synctest.Wait()
		made := fill(t, d.api.desk.making)
		d.put("/v1/agent/check/pass/service:web", "")
		time.Sleep(10 * longestTurn)
		select {
		case got := <-woken:
			t.Fatalf("the reader was answered %v without a turn", got)
		default:
		}
		made()
		if got := <-woken; got.status != http.StatusOK || !strings.Contains(got.body, `"passing"`) {
			t.Errorf("the reader was answered %v", got)
		}
	})
}

// TestBodiesAreReadBeforeTheTurn: who sends slowly holds nothing that others
// wait for.
func TestBodiesAreReadBeforeTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		from, to := io.Pipe()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://registry/v1/kv/a", from)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan int, 1)
		go func() { // ends when the body does; awaited below
			got, err := direct.Transport(d.api).RoundTrip(request)
			if err != nil {
				t.Error(err)
			}
			done <- got.StatusCode
		}()
		value := strings.Repeat("x", 40_000)
		for _, piece := range []string{value[:1], value[1:20_000], value[20_000:]} {
			if _, err := to.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if free := d.api.desk.changing.free; free != changesAtOnce {
				t.Errorf("%d of %d turns are free while the body comes", free, changesAtOnce)
			}
		}
		if held := roomForBodies - d.api.room.left.Load(); held < 20_000 || held > 80_000 {
			t.Errorf("%d bytes are counted for a body of %d", held, len(value))
		}
		_ = to.Close() // it never fails
		if got := <-done; got != http.StatusOK {
			t.Errorf("got %d", got)
		}
		if got := d.get("/v1/kv/a?raw").body; got != value {
			t.Errorf("kept %d bytes of %d", len(got), len(value))
		}
		if left := d.api.room.left.Load(); left != roomForBodies {
			t.Errorf("%d bytes are still held", roomForBodies-left)
		}
	})
}

// TestRoomForBodies: large bodies are refused while others take all the room,
// and small ones are not.
func TestRoomForBodies(t *testing.T) {
	d := open(t, Config{})
	d.api.room.left.Store(10)
	got, err := d.ask(context.Background(), "PUT", "/v1/kv/a", strings.Repeat("x", smallBody+1))
	if err != nil || got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("a large body: %v, %v", got, err)
	}
	if got := d.put("/v1/kv/a", strings.Repeat("x", smallBody-1)); got.status != http.StatusOK {
		t.Errorf("a small body: %v", got)
	}
	if left := d.api.room.left.Load(); left != 10 {
		t.Errorf("%d bytes are left, want 10", left)
	}
}

// TestCountersAreThereFromTheStart: an alert on a metric that is not there is
// none.
func TestCountersAreThereFromTheStart(t *testing.T) {
	d := open(t, Config{})
	text := d.get("/v1/agent/metrics?format=prometheus").body
	for _, want := range []string{
		`muster_http_refused{what="answer"} 0`, `muster_http_refused{what="body"} 0`, `muster_http_refused{what="read"} 0`,
		`muster_http_refused{what="write"} 0`, "consul_rpc_rate_limit_exceeded 0",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("Prometheus is not told %q", want)
		}
	}
	if text := d.get("/v1/agent/metrics").body; strings.Contains(text, "refused") {
		t.Errorf("what was not seen is told: %s", text)
	}
}
