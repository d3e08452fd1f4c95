package api

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCosts(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		want         cost
	}{
		{"GET", "/v1/kv/{key...}", reading},
		{"PUT", "/v1/kv/{key...}", writing},
		{"DELETE", "/v1/kv/{key...}", writing},
		{"GET", "/v1/health/service/{service...}", reading},
		{"PUT", "/v1/catalog/register", writing},
		{"PUT", "/v1/session/renew/{id...}", writing},
		{"PUT", "/v1/event/fire/{name...}", writing},
		{"POST", "/v1/query", writing},
		{"POST", "/v1/discovery-chain/{service...}", reading},
		{"GET", "/v1/operator/usage", reading},
		{"GET", "/v1/event/list", free},
		{"PUT", "/v1/agent/service/register", free},
		{"GET", "/v1/status/leader", free},
		{"GET", "/v1/operator/raft/configuration", free},
		{"GET", "/v1/operator/autopilot/health", free},
		{"PUT", "/v1/txn", free}, // until it is known what it does
	} {
		if got := costOf(tc.method, tc.path); got != tc.want {
			t.Errorf("%s %s costs %d, want %d", tc.method, tc.path, got, tc.want)
		}
	}
}

// TestRatesAreEnforced lets a burst in, and then as many a second as the rates
// say; what is about the agent always.
func TestRatesAreEnforced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{Mode: RateEnforcing, ReadRate: 2, WriteRate: 1}
		d := open(t, Config{Settings: Settings{Limits: limits}})
		const read, write = `[{"KV":{"Verb":"get-tree","Key":"a"}}]`, `[{"KV":{"Verb":"set","Key":"a"}}]`
		let := func(times int, ask func() response, code int, refusal string) (in int) {
			for range times {
				switch got := ask(); {
				case got.status == http.StatusOK:
					in++
				case got.status != code || got.body != refusal:
					t.Fatalf("got %d %q, want %d %q", got.status, got.body, code, refusal)
				}
			}
			return in
		}
		reads := func(times int) int {
			return let(times, func() response { return d.get("/v1/catalog/services") }, 429, errReadsTooFast.text)
		}
		writes := func(times int) int {
			return let(times, func() response { return d.put("/v1/kv/a", "v") }, 503, errWritesTooFast.text)
		}
		if r, w := reads(30), writes(30); r != 20 || w != 10 {
			t.Errorf("at once: %d reads and %d writes were let in, want 20 and 10", r, w)
		}
		d.api.Adjust(Settings{Limits: limits}) // nothing changes
		if got := let(9, func() response { return d.get("/v1/agent/services") }, 0, ""); got != 9 {
			t.Errorf("%d of 9 requests about the agent were let in", got)
		}
		time.Sleep(3 * time.Second)
		if r, w := reads(30), writes(30); r != 6 || w != 3 {
			t.Errorf("after three seconds: %d reads and %d writes were let in, want 6 and 3", r, w)
		}
		time.Sleep(2 * time.Second)
		if got := let(9, func() response { return d.put("/v1/txn", read) }, 429, errReadsTooFast.text); got != 4 {
			t.Errorf("%d transactions that read were let in, want 4", got)
		}
		if got := let(9, func() response { return d.put("/v1/txn", write) }, 503, errWritesTooFast.text); got != 2 {
			t.Errorf("%d transactions that write were let in, want 2", got)
		}
		limits.Mode = RatePermissive
		d.api.Adjust(Settings{Limits: limits})
		if r := reads(50); r != 50 {
			t.Errorf("%d of 50 reads were let in where nobody is kept out", r)
		}
		limits.ReadRate = 3 // what is counted goes on under the same name
		d.api.Adjust(Settings{Limits: limits})
		if r := reads(50); r != 50 {
			t.Errorf("%d of 50 reads were let in where nobody is kept out", r)
		}
		text := d.get("/v1/agent/metrics?format=prometheus").body
		for _, want := range []string{
			`consul_rpc_rate_limit_exceeded{limit_type="global/read",mode="enforcing",op="GET /v1/catalog/services"} 34`,
			`consul_rpc_rate_limit_exceeded{limit_type="global/read",mode="permissive",op="GET /v1/catalog/services"} 50`,
			`consul_rpc_rate_limit_exceeded{limit_type="global/write",mode="enforcing",op="PUT /v1/txn"} 7`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the metrics do not tell %s", want)
			}
		}
		d.api.Adjust(Settings{})
		if r, w := reads(100), writes(100); r != 100 || w != 100 {
			t.Errorf("without limits %d reads and %d writes of 100 were let in", r, w)
		}
	})
}

func TestSizesAreLimited(t *testing.T) {
	of := func(size int) string { return strings.Repeat("x", size) }
	txn := func(size int) string {
		return `[{"KV":{"Verb":"set","Key":"k","Value":"` + strings.Repeat("AAAA", size/3) + `"}}]`
	}
	const hint = " See https://www.consul.io/docs/agent/config/config-files#"
	for _, tc := range []struct {
		name       string
		limits     Limits
		path, body string
		want       string // the refusal; empty when it is let in
	}{
		{"a value", Limits{ValueBytes: 100}, "kv/a", of(100), ""},
		{"too large a value", Limits{ValueBytes: 100}, "kv/a", of(101), "Request body(101 bytes) too large, max size: 100 bytes." + hint + "kv_max_value_size."},
		{"a value beyond the default", Limits{ValueBytes: 2 * maxBody}, "kv/a", of(2 * maxBody), ""},
		{"by default", Limits{}, "kv/a", of(maxBody + 1), "Request body(524289 bytes) too large, max size: 524288 bytes." + hint + "kv_max_value_size."},
		{"a transaction", Limits{ValueBytes: 100, TransactionBytes: 300}, "txn", txn(90), ""},
		{"too large a value in one", Limits{ValueBytes: 100, TransactionBytes: 300}, "txn", txn(120), `Value for key "k" is too large (120 > 100 bytes)`},
		{"too large a transaction", Limits{ValueBytes: 100, TransactionBytes: 300}, "txn", txn(201), "Request body(312 bytes) too large, max size: 300 bytes." + hint + "txn_max_req_len."},
		{"never less than a value", Limits{ValueBytes: 300, TransactionBytes: 200}, "txn", txn(150), ""},
	} {
		d := open(t, Config{Settings: Settings{Limits: tc.limits}})
		got := d.put("/v1/"+tc.path, tc.body)
		switch {
		case tc.want == "" && got.status != http.StatusOK:
			t.Errorf("%s: got %d %s, want it let in", tc.name, got.status, got.body)
		case tc.want != "" && (got.status != http.StatusRequestEntityTooLarge || got.body != tc.want):
			t.Errorf("%s: got %d %q\nwant 413 %q", tc.name, got.status, got.body, tc.want)
		}
	}
}

func TestWrongLimits(t *testing.T) {
	for _, limits := range []Limits{{ValueBytes: -1}, {TransactionBytes: -1}, {Mode: "sometimes"}} {
		if limits.Valid() == nil {
			t.Errorf("%+v is valid", limits)
		}
	}
}
