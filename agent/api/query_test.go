package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// createQuery stores a query and returns its id.
func (d door) createQuery(definition string) string {
	d.t.Helper()
	made, err := d.ask(d.t.Context(), http.MethodPost, "/v1/query", definition)
	id := strings.Trim(made.body, `{"ID:}`)
	if err != nil || made.status != http.StatusOK || len(id) != 36 {
		d.t.Fatalf("create %s: got %+v, %v", definition, made, err)
	}
	return id
}

// TestQueryErrors holds the texts of errors that have headers of their own in
// Consul, so that no transcript holds them.
func TestQueryErrors(t *testing.T) {
	d := open(t, Config{})
	id := d.createQuery(`{"Name":"geo-","Template":{"Type":"name_prefix_match"},"Service":{"Service":"${name.full}"}}`)
	const absent = "/v1/query/8f246b77-f3e1-ff88-5b48-8ec93abf3e05"
	const noID = "failed prepared query lookup: index error: "
	for path, want := range map[string]response{
		absent:                              {status: 404, body: "Query not found"},
		absent + "/execute":                 {status: 404, body: "Query not found"},
		absent + "/explain":                 {status: 404, body: "Query not found"},
		"/v1/query/none/execute":            {status: 404, body: "Query not found"},
		"/v1/query/none/execute?cached":     {status: 404, body: "Query not found"},
		"/v1/query/execute":                 {status: 404, body: "Query not found"},
		"/v1/query/none":                    {status: 500, body: noID + "UUID must be 36 characters"},
		"/v1/query/":                        {status: 500, body: noID + "UUID must be 36 characters"},
		absent[:len(absent)-1] + "x":        {status: 500, body: noID + "Invalid UUID: encoding/hex: invalid byte: U+0078 'x'"},
		"/v1/query/" + id + "/execute":      {status: 500, body: "prepared query templates can only be resolved up by name, not by ID"},
		"/v1/query/" + id + "?dc=elsewhere": {status: 500, body: "No path to datacenter"},
	} {
		if got := d.get(path); got.status != want.status || got.body != want.body {
			t.Errorf("%s: got %d %q, want %d %q", path, got.status, got.body, want.status, want.body)
		}
	}
	if got := d.put("/v1/query/"+id+"/execute", ""); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET" {
		t.Errorf("put to execute: got %+v", got)
	}
}

// TestQueryNameWithSlashes: names go into the path as they are.
func TestQueryNameWithSlashes(t *testing.T) {
	d := open(t, Config{})
	d.register("web", "web-1")
	d.createQuery(`{"Name":"a/b","Service":{"Service":"web"}}`)
	for _, path := range []string{"/v1/query/a/b/execute", "/v1/query/a%2Fb/execute"} {
		if got := d.get(path); got.status != http.StatusOK || !strings.Contains(got.body, "web-1") {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

func TestQueryCanBeWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		id := d.createQuery(`{"Name":"one","Service":{"Service":"web"}}`)
		list := d.get("/v1/query")
		one := d.get("/v1/query/" + id)
		both := d.waiting(t.Context(), fmt.Sprintf("/v1/query?index=%d", list.index()))
		same := d.waiting(t.Context(), fmt.Sprintf("/v1/query/%s?index=%d", id, one.index()))
		synctest.Wait() // until both wait
		d.createQuery(`{"Name":"two","Service":{"Service":"web"}}`)
		if got, _, answered := both(); !answered || !strings.Contains(got.body, "two") || got.index() <= list.index() {
			t.Errorf("list: got %+v, %t", got, answered)
		}
		if got, _, answered := same(); answered {
			t.Errorf("the other query woke its reader: %+v", got)
		}
		d.put("/v1/query/"+id, `{"Name":"one","Service":{"Service":"db"}}`)
		if got, _, answered := same(); !answered || !strings.Contains(got.body, "db") {
			t.Errorf("query: got %+v, %t", got, answered)
		}
	})
}

// TestQueryNearItsAsker: who asks through a proxy is where the proxy says.
func TestQueryNearItsAsker(t *testing.T) {
	d := open(t, Config{})
	for _, body := range []string{
		`{"Node":"a","Address":"10.0.0.1","Service":{"Service":"web"}}`,
		`{"Node":"b","Address":"10.0.0.2","Service":{"Service":"web"}}`,
	} {
		if got := d.put("/v1/catalog/register", body); got.status != http.StatusOK {
			t.Fatalf("register: %+v", got)
		}
	}
	d.createQuery(`{"Name":"web","Service":{"Service":"web","Near":"_ip"}}`)
	for range 20 {
		for forwarded, want := range map[string]string{"10.0.0.1": `"Node":"a"`, " 10.0.0.2 , 10.0.0.1": `"Node":"b"`} {
			got := d.get("/v1/query/web/execute?limit=1", "X-Forwarded-For", forwarded)
			if !strings.Contains(got.body, want) {
				t.Errorf("from %s: got %s, want %s", forwarded, got.body, want)
			}
		}
	}
}
