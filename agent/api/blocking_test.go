package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// waiting starts a read that blocks on the index, and returns where its answer
// will be and when it came.
func (d door) waiting(ctx context.Context, path string) (answer func() (response, time.Duration, bool)) {
	d.t.Helper()
	began := time.Now()
	var mu sync.Mutex
	var got response
	var took time.Duration
	done := false
	go func() { // ends with its read; a bubble waits for it
		r, err := d.ask(ctx, http.MethodGet, path, "")
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			got, took, done = r, time.Since(began), true
		}
	}()
	return func() (response, time.Duration, bool) {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return got, took, done
	}
}

func TestReadWaitsForAChangeOfItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.register("web", "web-1")
		first := d.get("/v1/health/service/web?passing")
		answer := d.waiting(t.Context(), fmt.Sprintf("/v1/health/service/web?passing&index=%d", first.index()))

		time.Sleep(time.Minute)
		d.register("other", "other-1")
		d.register("web", "web-1") // as it is already
		if _, _, done := answer(); done {
			t.Fatal("a read was answered though its answer had not changed")
		}
		d.register("web", "web-2")
		got, took, done := answer()
		if !done || took != time.Minute {
			t.Fatalf("answered is %t after %s, want at the change", done, took)
		}
		if got.index() <= first.index() || got.body == first.body {
			t.Errorf("got index %d after %d, want a new answer", got.index(), first.index())
		}
	})
}

func TestReadOfAMissingServiceWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		first := d.get("/v1/health/service/web")
		answer := d.waiting(t.Context(), fmt.Sprintf("/v1/health/service/web?index=%d", first.index()))
		time.Sleep(time.Second)
		d.register("other", "other-1")
		d.put("/v1/agent/service/deregister/other-1", "")
		if _, _, done := answer(); done {
			t.Error("a read of a missing service was answered because another one died out")
		}
		d.register("web", "web-1")
		if got, _, done := answer(); !done || got.body == "[]" {
			t.Errorf("answered is %t with %s, want the new instance", done, got.body)
		}
	})
}

func TestReadGivesUpAfterItsWait(t *testing.T) {
	for _, tc := range []struct {
		wait        string
		least, most time.Duration
		settings    Settings
	}{
		{"&wait=10s", 10 * time.Second, 11 * time.Second, Settings{}},
		{"", 5 * time.Minute, 5*time.Minute + 19*time.Second, Settings{}},
		{"&wait=2h", 10 * time.Minute, 10*time.Minute + 38*time.Second, Settings{}},
		{"", time.Minute, 64 * time.Second, Settings{DefaultWait: time.Minute}},
		{"&wait=2h", time.Hour, 64 * time.Minute, Settings{LongestWait: time.Hour}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := open(t, Config{Settings: tc.settings})
			first := d.get("/v1/catalog/nodes")
			answer := d.waiting(t.Context(), fmt.Sprintf("/v1/catalog/nodes?index=%d%s", first.index(), tc.wait))
			time.Sleep(tc.most)
			got, took, done := answer()
			if !done || took < tc.least || took > tc.most {
				t.Fatalf("wait %q: answered is %t after %s, want between %s and %s", tc.wait, done, took, tc.least, tc.most)
			}
			if got.status != http.StatusOK || got.index() != first.index() || got.body != first.body {
				t.Errorf("got %d with index %d, want the same answer again", got.status, got.index())
			}
		})
	}
}

func TestReadEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		index := d.get("/v1/catalog/nodes").index()
		ctx, cancel := context.WithCancel(t.Context())
		answer := d.waiting(ctx, fmt.Sprintf("/v1/catalog/nodes?index=%d", index))
		time.Sleep(time.Second)
		cancel()
		if got, _, done := answer(); !done || got.status != http.StatusServiceUnavailable {
			t.Errorf("done is %t with %d, want the read to end with its context", done, got.status)
		}
	})
}

func TestIndexOfAnotherLifeIsAnsweredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		index := d.get("/v1/catalog/nodes").index()
		for _, other := range []uint64{1, index - 1, index + 1, 1 << 63} {
			answer := d.waiting(t.Context(), fmt.Sprintf("/v1/catalog/nodes?index=%d", other))
			if got, took, done := answer(); !done || took != 0 || got.index() != index {
				t.Errorf("index %d: done is %t after %s with %d, want %d at once", other, done, took, got.index(), index)
			}
		}
	})
}

func TestHashWaitsForAnotherDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.register("web", "web-1")
		first := d.get("/v1/agent/service/web-1")
		hash := first.header.Get("X-Consul-Contenthash")
		path := "/v1/agent/service/web-1?hash=" + hash

		answer := d.waiting(t.Context(), path)
		time.Sleep(time.Second)
		d.register("web", "web-1") // the same definition
		d.put("/v1/agent/check/fail/service:web-1", "")
		if _, _, done := answer(); done {
			t.Fatal("answered though the definition is the same")
		}
		d.put("/v1/agent/service/register", `{"Name":"web","ID":"web-1","Port":81}`)
		got, _, done := answer()
		if next := got.header.Get("X-Consul-Contenthash"); !done || next == "" || next == hash {
			t.Fatalf("done is %t with hash %q after %q, want another one", done, next, hash)
		}

		answer = d.waiting(t.Context(), "/v1/agent/service/web-1?hash="+got.header.Get("X-Consul-Contenthash"))
		time.Sleep(time.Second)
		d.put("/v1/agent/service/deregister/web-1", "")
		if got, _, done := answer(); !done || got.status != http.StatusNotFound {
			t.Errorf("done is %t with %d, want 404 when the service goes", done, got.status)
		}
	})
}

// TestContentHashIsConsuls pins hashes that a Consul 1.19.2 gave.
func TestContentHashIsConsuls(t *testing.T) {
	d := open(t, Config{})
	d.put("/v1/agent/service/register", `{"Name":"web","ID":"web-1","Port":80,"Tags":["a","b"],"Meta":{"k":"v"}}`)
	d.put("/v1/agent/service/register", `{"Name":"web","ID":"web-2","Port":81,"Address":"10.1.1.1"}`)
	for id, want := range map[string]string{"web-1": "56f00dbdf803894e", "web-2": "b54efc679e341aeb"} {
		if got := d.get("/v1/agent/service/" + id).header.Get("X-Consul-Contenthash"); got != want {
			t.Errorf("%s: got %s, want Consul's %s", id, got, want)
		}
	}
}

func TestOneChangeIsEncodedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.register("web", "web-1")
		var mu sync.Mutex
		encoded := 0
		q := func() *question {
			asked, err := d.api.healthService(mustRequest(t, "/v1/health/service/web"))
			if err != nil {
				t.Fatal(err)
			}
			return asked.(*question)
		}
		count := func(any, *pieces) (text, *pieces, error) {
			mu.Lock()
			defer mu.Unlock()
			encoded++
			return textOf([]byte("x")), nil, nil
		}
		for range 3 {
			var readers sync.WaitGroup
			for range 1000 {
				readers.Go(func() {
					if _, err := d.api.answers.get(d.api.answers.slot("k"), "k", q(), count, func() (turn, error) { return turn{}, nil }); err != nil {
						t.Error(err)
					}
				})
			}
			readers.Wait()
			d.put("/v1/agent/check/fail/service:web-1", "")
			d.put("/v1/agent/check/pass/service:web-1", "")
		}
		if encoded != 3 {
			t.Errorf("3 states were encoded %d times for 1000 readers each, want 3", encoded)
		}
	})
}

func mustRequest(t *testing.T, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://registry"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetPathValue("service", "web")
	return r
}

func TestAnswersStayBounded(t *testing.T) {
	d := open(t, Config{})
	for n := range maxAnswers + 100 {
		d.get(fmt.Sprintf("/v1/health/service/none-%d", n))
	}
	if got := len(d.api.answers.byKey); got > maxAnswers {
		t.Errorf("%d answers are kept, want at most %d", got, maxAnswers)
	}
	// Neither long questions nor parameters that mean nothing may pile up.
	long := strings.Repeat("x", 900_000)
	for n := range 80 {
		if n < 5 {
			d.get(fmt.Sprintf("/v1/health/service/a?bogus=%d%s", n, long))
		}
		d.get(fmt.Sprintf("/v1/health/service/a?tag=%d%s", n, long))
	}
	kept := 0
	for key, place := range d.api.answers.byKey {
		kept += len(key) + place.answer.Load().size()
	}
	if got := d.api.answers.bytes; got != kept || got > maxAnswerBytes {
		t.Errorf("%d bytes are kept and %d counted, want at most %d", kept, got, maxAnswerBytes)
	}
}
