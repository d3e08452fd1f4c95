package api

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever asks whether those who follow a service were told of its latest change
// has the answer when they were: at once where nobody waits with an old list, and
// no later than a second after who had one went away.
func TestFollowers(t *testing.T) {
	const web = "/v1/health/service/web"
	for name, tc := range map[string]struct {
		before func(d door, index uint64) // what the one who follows does
		want   string
		took   time.Duration
	}{
		"nobody":            {func(d door, index uint64) {}, "true", 0},
		"nobody who waits":  {func(d door, index uint64) { d.get(web); d.register("web", "web-2") }, "true", 0},
		"one that waits":    {func(d door, index uint64) { d.follow(web, index); d.register("web", "web-2") }, "true", 0},
		"of another":        {func(d door, index uint64) { d.get("/v1/health/service/other?index=1"); d.register("web", "web-2") }, "true", 0},
		"one that is up":    {func(d door, index uint64) { d.get(web + "?index=1"); time.Sleep(time.Millisecond) }, "true", 0},
		"one that is away":  {func(d door, index uint64) { d.get(web + "?index=1"); d.register("web", "web-2") }, "true", time.Second},
		"that is concerned": {func(d door, index uint64) { d.follow(web+"?tag=none", index); d.register("web", "web-2") }, "true", 0},
		"one that is back": {func(d door, index uint64) {
			got := d.get(web + "?index=1")
			d.register("web", "web-2")
			time.AfterFunc(500*time.Millisecond, func() { d.follow(web, got.index()) })
		}, "true", 500 * time.Millisecond},
		"another is back": {func(d door, index uint64) {
			got := d.get(web + "?index=1")
			d.register("web", "web-2")
			time.AfterFunc(500*time.Millisecond, func() { d.follow(web+"?passing", got.index()) })
		}, "true", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t, Config{})
				d.register("web", "web-1")
				d.register("other", "other-1")
				tc.before(d, d.get(web).index())
				synctest.Wait()
				began := time.Now()
				got := d.get("/v1/agent/followers/web?wait=5s")
				if took := time.Since(began); got.body != tc.want || took < tc.took || took > tc.took+lookEvery {
					t.Errorf("got %s after %s, want %s after %s", got.body, took, tc.want, tc.took)
				}
			})
		})
	}
}

// The wait is bounded, and what is not one is refused.
func TestFollowersInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.register("web", "web-1")
		d.get("/v1/health/service/web?index=1")
		d.register("web", "web-2")
		began := time.Now()
		if got := d.get("/v1/agent/followers/web?wait=100ms"); got.body != "false" || time.Since(began) != 100*time.Millisecond {
			t.Errorf("got %s after %s", got.body, time.Since(began))
		}
		for _, wait := range []string{"soon", "-1s"} {
			if got, err := d.ask(t.Context(), http.MethodGet, "/v1/agent/followers/web?wait="+wait, ""); err != nil || got.status != http.StatusBadRequest {
				t.Errorf("wait=%s: got %d, %v", wait, got.status, err)
			}
		}
		time.Sleep(2 * awayFor)
		d.get("/v1/health/service/none?index=1")
		if s := &d.api.followers; len(s.queue) != 1 || len(s.away) != 1 || len(s.of) != 1 {
			t.Errorf("%d, %d and %d are remembered, want the last", len(s.queue), len(s.away), len(s.of))
		}
	})
}

// follow starts a blocking read that ends with the test.
func (d door) follow(path string, index uint64) {
	d.waiting(d.t.Context(), fmt.Sprintf("%s%sindex=%d", path, map[bool]string{true: "&", false: "?"}[len(path) > len("/v1/health/service/web")], index))
	synctest.Wait()
}
