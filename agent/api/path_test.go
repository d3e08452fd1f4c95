package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestCleanPath(t *testing.T) {
	for from, want := range map[string]string{
		"":                         "/",
		"/":                        "/",
		"//":                       "/",
		"*":                        "/*",
		"v1":                       "/v1",
		"/v1/kv/a":                 "/v1/kv/a",
		"/v1/kv/a/":                "/v1/kv/a/",
		"/v1//kv///a//":            "/v1/kv/a/",
		"/v1/kv/./a/../b":          "/v1/kv/b",
		"/../../etc":               "/etc",
		"/v1/kv/..":                "/v1",
		"/v1/kv/a/../":             "/v1/kv/",
		"/.well-known/x":           "/.well-known/x",
		"/v1/kv/...":               "/v1/kv/...",
		"/v1/kv/" + "a" + "/.b/.c": "/v1/kv/a/.b/.c",
	} {
		if got := cleanPath(from); got != want {
			t.Errorf("%q: got %q, want %q", from, got, want)
		}
	}
}

func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"", "/", "//a", "/a/../b/", "/v1/kv/%2e", "../..", "/a/./."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, from string) {
		clean := cleanPath(from)
		if !strings.HasPrefix(clean, "/") || strings.Contains(clean, "//") || strings.Contains(clean+"/", "/../") || cleanPath(clean) != clean {
			t.Errorf("%q became %q", from, clean)
		}
	})
}

// TestRedirectsStayHere asks for paths that a browser could take for another
// host.
func TestRedirectsStayHere(t *testing.T) {
	d := open(t, Config{})
	for _, path := range []string{"//elsewhere/v1/kv/a", "/v1/catalog/..//elsewhere?a=b", "///x"} {
		got := d.get(path)
		to := got.header.Get("Location")
		if got.status != http.StatusMovedPermanently || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			t.Errorf("%s: got %d to %q", path, got.status, to)
		}
	}
}

func TestKeysThatLeadAway(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/kv/a": false, "/v1/kv/a..b": false, "/v1/kv/...": false, "/v1/kv/.hidden/a": false, "/v1/kv/a/..b/c..": false, "/v1/kv/": false, "/v1/kv": false,
		"/v1/catalog/../kv/a": false, // it leads to a key, and is sent there
		"/v1/kv/..":           true, "/v1/kv/.": true, "/v1/kv/../agent/self": true, "/v1/kv/a/../b": true, "/v1/kv/a/./b": true, "/v1/kv/a/..": true, "/v1/kv/a//../b": true,
	} {
		if got := leadsAway(path); got != want {
			t.Errorf("%s: got %t, want %t", path, got, want)
		}
	}
}
