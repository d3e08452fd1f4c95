package api

import (
	"net/url"
	"testing"
)

func TestShownURLHasNoToken(t *testing.T) {
	for from, want := range map[string]string{
		"/v1/kv/a":                            "/v1/kv/a",
		"/v1/kv/a?raw&wait=5s":                "/v1/kv/a?raw&wait=5s",
		"/v1/kv/a?token=s3cret":               "/v1/kv/a?token=<hidden>",
		"/v1/kv/a?raw&token=s3cret&index=1":   "/v1/kv/a?raw&token=<hidden>&index=1",
		"/v1/kv/a?token=s3cret&token=s3cret2": "/v1/kv/a?token=<hidden>&token=<hidden>",
		"/v1/kv/a?%74oken=s3cret":             "/v1/kv/a?%74oken=<hidden>",
		"/v1/kv/a?raw;token=s3cret":           "/v1/kv/a?raw;token=<hidden>",
		"/v1/kv/a?%zz=s3cret":                 "/v1/kv/a?%zz=<hidden>",
		"/v1/kv/a%2Fb?token=s3%20cret=&raw":   "/v1/kv/a%2Fb?token=<hidden>&raw",
	} {
		u, err := url.ParseRequestURI(from)
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(u); got != want {
			t.Errorf("%s: got %s, want %s", from, got, want)
		}
	}
}
