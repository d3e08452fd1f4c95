package api

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/monitor"
	"github.com/realjf/muster/agent/state"
)

// logged returns an API, and what it logs at this level and above.
func logged(t *testing.T, level slog.Level) (door, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	own := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
	return open(t, Config{Log: monitor.New(own)}), &log
}

// TestCallersCannotFillTheLog: whatever is wrong with a request, and whichever
// status Consul has for it.
func TestCallersCannotFillTheLog(t *testing.T) {
	d, log := logged(t, slog.LevelInfo)
	for range 3 {
		for _, bad := range []struct{ path, body string }{
			{"/v1/catalog/register", `{}`},
			{"/v1/catalog/register", `{"Node":"` + strings.Repeat("n", 90_000) + `"}`},
			{"/v1/session/create", `{"Node":"nowhere"}`},
			{"/v1/kv/a?flags=none", ``},
			{"/v1/kv/a?acquire=none", ``},
			{"/v1/snapshot", `none`},
		} {
			if got := d.put(bad.path, bad.body); got.status != http.StatusInternalServerError {
				t.Errorf("%s: got %d %.100s, want a 500 to try", bad.path, got.status, got.body)
			}
		}
	}
	if log.Len() > 0 {
		t.Errorf("they logged %.1000s", log)
	}
}

func TestLogIsToldOfLongValuesInShort(t *testing.T) {
	d, log := logged(t, slog.LevelDebug)
	long := strings.Repeat("n", 90_000)
	d.put("/v1/kv/"+long[:9_000]+"?flags="+long, "")
	if log.Len() == 0 || log.Len() > 4_000 {
		t.Errorf("%d bytes are in the log: %.1000s", log.Len(), log)
	}
}

// TestFaultsAreLoggedOnceInAWhile, with how many there were.
func TestFaultsAreLoggedOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := logged(t, slog.LevelWarn)
		fail := func(err error) {
			d.api.writeError(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/v1/kv/a", nil), err)
		}
		fail(fmt.Errorf("raft apply failed: %w", state.NotKept{Reason: errors.New("no space left on device")}))
		if log.Len() > 0 {
			t.Errorf("the keeper tells of its disk, and not every write: logged %s", log)
		}
		for range 200 {
			fail(refusal{fault{errors.New("it cannot be encoded")}})
		}
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "it cannot be encoded") {
			t.Errorf("logged %s", text)
		}
		log.Reset()
		time.Sleep(faultPause)
		fail(fault{errors.New("it broke")})
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "it broke") || !strings.Contains(text, "others_since=199") {
			t.Errorf("logged %s", text)
		}
	})
}
