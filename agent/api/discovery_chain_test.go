package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// What one asks with overrides is not told to others who ask without, or with
// other ones, though the path is the same.
func TestOverridesAreTheAskersOwn(t *testing.T) {
	d := open(t, Config{})
	override := func(body string) string {
		t.Helper()
		got, err := d.ask(t.Context(), http.MethodPost, "/v1/discovery-chain/web", body)
		if err != nil || got.status != http.StatusOK {
			t.Fatalf("got %d %s, %v", got.status, got.body, err)
		}
		return got.body
	}
	for range 2 {
		if plain := d.get("/v1/discovery-chain/web").body; strings.Contains(plain, "CustomizationHash") {
			t.Errorf("got what another one asked: %s", plain)
		}
		if one := override(`{"OverrideProtocol":"grpc"}`); !strings.Contains(one, `"Protocol":"grpc"`) {
			t.Errorf("got another answer: %s", one)
		}
		if other := override(`{"OverrideProtocol":"http2"}`); !strings.Contains(other, `"Protocol":"http2"`) {
			t.Errorf("got another answer: %s", other)
		}
	}
}

// Who waits for a chain hears of what changes it, and of nothing else.
func TestChainWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		d.put("/v1/config", `{"Kind":"service-defaults","Name":"web","Protocol":"http"}`)
		first := d.get("/v1/discovery-chain/web")
		answer := d.waiting(t.Context(), fmt.Sprintf("/v1/discovery-chain/web?index=%d", first.index()))
		synctest.Wait()
		d.put("/v1/config", `{"Kind":"service-defaults","Name":"db","Protocol":"http"}`)
		if _, _, done := answer(); done {
			t.Error("woken by an entry of another service")
		}
		d.put("/v1/config", `{"Kind":"service-resolver","Name":"web","ConnectTimeout":"9s"}`)
		if got, _, done := answer(); !done || !strings.Contains(got.body, `"ConnectTimeout":"9s"`) {
			t.Errorf("got %t, %s; want the changed chain", done, got.body)
		}
	})
}

func TestMissingEntryIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, Config{})
		first := d.get("/v1/config/service-defaults/web")
		answer := d.waiting(t.Context(), fmt.Sprintf("/v1/config/service-defaults/web?index=%d", first.index()))
		synctest.Wait()
		d.put("/v1/config", `{"Kind":"service-defaults","Name":"other"}`)
		if got, _, done := answer(); done {
			t.Errorf("woken by another entry: %s", got.body)
		}
		d.put("/v1/config", `{"Kind":"service-defaults","Name":"web"}`)
		if got, _, done := answer(); !done || got.status != http.StatusOK {
			t.Errorf("got %t, %d %s; want the entry", done, got.status, got.body)
		}
	})
}
