package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestDelta: who names the list that it has, and knows deltas, is told what
// changed; all others get the whole list.
func TestDelta(t *testing.T) {
	d := open(t, Config{})
	const path = "/v1/health/service/web"
	for n := range 3 {
		d.register("web", fmt.Sprint("web-", n))
	}
	if got := d.get(path, "If-None-Match", "*"); got.status != http.StatusOK || got.header.Get("Etag") != "" {
		t.Errorf("who asks as ever: got %d, %v", got.status, got.header)
	}
	since := func(tag string) response { return d.get(path, "A-Im", "gzip, "+deltas, "If-None-Match", tag) }
	whole := since(`"none"`)
	tag := whole.header.Get("Etag")
	if whole.status != http.StatusOK || tag == "" || whole.header.Get("Im") != "" {
		t.Fatalf("who has none: got %d, %v", whole.status, whole.header)
	}
	told := func(what, tag, want string) response {
		t.Helper()
		got := since(tag)
		if got.status != http.StatusIMUsed || got.header.Get("Im") != deltas || got.header.Get("Delta-Base") != tag || got.index() == 0 {
			t.Errorf("%s: got %d, %v, %s", what, got.status, got.header, got.body)
		}
		if want != "" && got.body != want {
			t.Errorf("%s: got %s, want %s", what, got.body, want)
		}
		return got
	}
	if got := told("no change", tag, `[[0,3]]`); got.header.Get("Etag") != tag {
		t.Errorf("the same list has another tag: %v", got.header)
	}
	d.put("/v1/agent/service/deregister/web-1", "")
	next := told("one has gone", tag, `[[0,1],[2,1]]`).header.Get("Etag")
	d.register("web", "web-1")
	if got := told("one has come, to the last list", next, ""); !strings.HasPrefix(got.body, `[[0,1],{`) || !strings.HasSuffix(got.body, `},[1,1]]`) || strings.Count(got.body, `"Service":{`) != 1 {
		t.Errorf("one has come: got %s", got.body)
	}
	told("the same, to the list before", tag, "")
	for n := range remembered {
		d.register("web", fmt.Sprint("new-", n))
		d.get(path)
	}
	if got := since(tag); got.status != http.StatusOK || got.header.Get("Etag") == "" {
		t.Errorf("a list that is long gone: got %d, %v", got.status, got.header)
	}
	if other := since(next); other.header.Get("Delta-Base") == tag {
		t.Errorf("another list's: %v", other.header)
	}
	if got := d.get("/v1/health/service/other", "A-Im", deltas, "If-None-Match", since("").header.Get("Etag")); got.status != http.StatusOK {
		t.Errorf("the list of another question: got %d, %s", got.status, got.body)
	}
}
