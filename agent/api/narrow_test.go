package api

import (
	"net/http"
	"strings"
	"testing"
)

// A filter may ask for a part that not every element has.
func TestFilterOnMissingParts(t *testing.T) {
	d := open(t, Config{})
	d.put("/v1/config", `{"Kind":"service-defaults","Name":"plain"}`)
	d.put("/v1/config", `{"Kind":"service-defaults","Name":"far","Destination":{"Addresses":["10.0.0.1"],"Port":443}}`)
	if got := d.get("/v1/config/service-defaults?filter=Destination.Port==443"); !strings.Contains(got.body, `"far"`) || strings.Contains(got.body, `"plain"`) {
		t.Errorf("got %d %s, want the one with a destination", got.status, got.body)
	}
	if got := d.get("/v1/config/service-defaults?filter=Destination.Port==1"); got.body != "[]" {
		t.Errorf("got %d %s, want none", got.status, got.body)
	}
	d.put("/v1/agent/service/register", `{"Name":"web","Port":1,"Connect":{"SidecarService":{}}}`)
	got := d.get("/v1/agent/services?filter=Proxy.DestinationServiceID==web")
	if got.status != http.StatusOK || !strings.Contains(got.body, `"web-sidecar-proxy":`) || strings.Contains(got.body, `"web":`) {
		t.Errorf("got %d %s, want the sidecar alone", got.status, got.body)
	}
}
