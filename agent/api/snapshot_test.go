package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestSnapshotComesBack(t *testing.T) {
	d := open(t, Config{Version: "v1"})
	d.put("/v1/kv/key", "saved")
	d.createQuery(`{"Name":"web","Service":{"Service":"web"}}`)
	d.register("web", "web-1")
	file := d.get("/v1/snapshot")
	if file.status != http.StatusOK || file.header.Get("Content-Type") != "application/x-gzip" || file.index() == 0 {
		t.Fatalf("save: %d %v", file.status, file.header)
	}
	want := map[string]string{}
	for _, path := range []string{"/v1/kv/key", "/v1/query", "/v1/health/service/web"} {
		want[path] = d.get(path).body
	}
	d.put("/v1/kv/key", "changed")
	d.put("/v1/kv/other", "new")
	d.put("/v1/catalog/register", `{"Node":"other","Address":"10.0.0.2","Service":{"Service":"web"}}`)
	last := d.get("/v1/kv/other").index()

	if got := d.put("/v1/snapshot", file.body); got.status != http.StatusOK || got.body != "" {
		t.Fatalf("restore: %+v", got)
	}
	for path, body := range want {
		if got := d.get(path); got.body != body || got.index() <= last {
			t.Errorf("%s: got %s at %d, want %s above %d", path, got.body, got.index(), body, last)
		}
	}
	if got := d.get("/v1/kv/other"); got.status != http.StatusNotFound {
		t.Errorf("what came later is still there: %+v", got)
	}
}

// TestRestoreWakesWhoWaits: readers of all kinds hear of it when their answer
// is another, and go on waiting where it is not.
func TestRestoreWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		empty := d.get("/v1/snapshot").body
		d.put("/v1/kv/a/key", "1")
		d.put("/v1/catalog/register", `{"Node":"other","Address":"10.0.0.2","Service":{"Service":"web"}}`)
		d.createQuery(`{"Name":"web","Service":{"Service":"web"}}`)
		full := d.get("/v1/snapshot").body
		paths := []string{"/v1/kv/a/key", "/v1/kv/a?recurse", "/v1/kv/?keys", "/v1/health/service/web", "/v1/catalog/nodes", "/v1/catalog/node/other", "/v1/query"}
		for _, file := range []string{empty, full} {
			waiting := map[string]func() (response, bool){}
			firsts := map[string]response{}
			for _, path := range append(paths, "/v1/kv/nothing", "/v1/health/service/nobody") {
				first := d.get(path)
				firsts[path] = first
				separator := "?"
				if strings.Contains(path, "?") {
					separator = "&"
				}
				answer := d.waiting(t.Context(), fmt.Sprintf("%s%sindex=%d", path, separator, first.index()))
				waiting[path] = func() (response, bool) {
					got, _, answered := answer()
					return got, answered && got.body != first.body && got.index() > first.index()
				}
			}
			synctest.Wait()
			if got := d.put("/v1/snapshot", file); got.status != http.StatusOK {
				t.Fatalf("restore: %+v", got)
			}
			for _, path := range paths {
				if got, another := waiting[path](); !another {
					t.Errorf("%d %s: got %+v, want another answer than %+v", len(file), path, got, firsts[path])
				}
			}
			for _, path := range []string{"/v1/kv/nothing", "/v1/health/service/nobody"} {
				if got, answered := waiting[path](); answered {
					t.Errorf("%s: got %+v, want no answer yet", path, got)
				}
			}
			d.put("/v1/kv/nothing", "x")
			d.register("nobody", "nobody")
			for _, path := range []string{"/v1/kv/nothing", "/v1/health/service/nobody"} {
				if got, another := waiting[path](); !another {
					t.Errorf("%s: got %+v, want an answer after the next write", path, got)
				}
			}
			d.put("/v1/agent/service/deregister/nobody", "")
			d.put("/v1/txn", `[{"KV":{"Verb":"delete","Key":"nothing"}}]`)
		}
	})
}

func TestBrokenSnapshotChangesNothing(t *testing.T) {
	d := open(t, Config{})
	d.put("/v1/kv/key", "saved")
	file := d.get("/v1/snapshot").body
	d.put("/v1/kv/key", "changed")
	before := d.get("/v1/kv/key")
	for name, body := range map[string]string{
		"nothing": "", "text": "text", "a part": file[:len(file)/2], "all but the end": file[:len(file)-1],
		"changed": file[:len(file)/2] + string(file[len(file)/2]^1) + file[len(file)/2+1:],
	} {
		if got := d.put("/v1/snapshot", body); got.status != http.StatusInternalServerError || !strings.HasPrefix(got.body, "failed to ") {
			t.Errorf("%s: got %+v", name, got)
		}
		if got := d.get("/v1/kv/key"); got.body != before.body || got.index() != before.index() {
			t.Errorf("%s: the state changed", name)
		}
	}
}

// TestWritesGoOnDuringASave saves while keys are written: each file is the
// state of one moment.
func TestWritesGoOnDuringASave(t *testing.T) {
	d := open(t, Config{})
	writes, stop := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop; awaited below
		defer close(writes)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				body := fmt.Sprintf(`[{"KV":{"Verb":"set","Key":"a","Value":"%[1]s"}},{"KV":{"Verb":"set","Key":"b","Value":"%[1]s"}}]`, []string{"AAAA", "BBBB"}[n%2])
				if got, err := d.ask(context.Background(), http.MethodPut, "/v1/txn", body); err != nil || got.status != http.StatusOK {
					t.Errorf("write: %+v, %v", got, err)
				}
			}
		}
	}()
	for range 20 {
		file := d.get("/v1/snapshot").body
		other := open(t, Config{})
		if got := other.put("/v1/snapshot", file); got.status != http.StatusOK {
			t.Fatalf("restore: %+v", got)
		}
		if a, b := other.get("/v1/kv/a?raw"), other.get("/v1/kv/b?raw"); a.body != b.body {
			t.Errorf("got %q and %q, which were never there at once", a.body, b.body)
		}
	}
	close(stop)
	<-writes
}
