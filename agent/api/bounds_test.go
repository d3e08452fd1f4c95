package api

import (
	"net/http"
	"strings"
	"testing"
)

// TestDeepFiltersAreRefused would not end without the bound.
func TestDeepFiltersAreRefused(t *testing.T) {
	d := open(t, Config{})
	got := d.get("/v1/catalog/nodes?filter=" + strings.Repeat("(", 30) + "Node")
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "fewer parentheses") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestLargeSnapshotsAreRefused(t *testing.T) {
	d := open(t, Config{Settings: Settings{Limits: Limits{SnapshotBytes: 100}}})
	d.put("/v1/kv/a", strings.Repeat("a", 200))
	file := d.get("/v1/snapshot").body
	d.put("/v1/kv/a", "other")
	got := d.put("/v1/snapshot", file)
	if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "limits.snapshot_max_size") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if now := d.get("/v1/kv/a?raw").body; now != "other" {
		t.Errorf("a refused snapshot left %s", now)
	}
}
