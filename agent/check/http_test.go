package check

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

func TestHTTPProbe(t *testing.T) {
	var seen *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		switch r.URL.Path {
		case "/ok":
			w.WriteHeader(http.StatusNoContent)
		case "/busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/broken":
			http.Error(w, "out of order", http.StatusInternalServerError)
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/endless":
			for range 1000 {
				_, _ = w.Write(make([]byte, 1024))
			}
		}
	}))
	defer server.Close()

	for _, tc := range []struct {
		path       string
		definition Definition
		want       state.Status
		output     string
	}{
		{"/ok", Definition{}, state.Passing, "HTTP GET URL: 204 No Content Output: "},
		{"/busy", Definition{}, state.Warning, "HTTP GET URL: 429 Too Many Requests Output: "},
		{"/broken", Definition{Method: "POST"}, state.Critical, "HTTP POST URL: 500 Internal Server Error Output: out of order\n"},
		{"/moved", Definition{}, state.Passing, "HTTP GET URL: 204 No Content Output: "},
		{"/moved", Definition{DisableRedirects: true}, state.Critical, ""},
	} {
		d := tc.definition
		d.HTTP, d.OutputMaxSize = server.URL+tc.path, DefaultOutputSize
		got := newHTTP(NewRunner(nil), d).probe(t.Context())
		if got.Status != tc.want {
			t.Errorf("%s: got %s (%s), want %s", tc.path, got.Status, got.Output, tc.want)
		}
		if want := strings.ReplaceAll(tc.output, "URL", d.HTTP); tc.output != "" && got.Output != want {
			t.Errorf("%s: got output %q, want %q", tc.path, got.Output, want)
		}
	}
	if got := seen.Header.Get("User-Agent"); got != "Consul Health Check" {
		t.Errorf("got user agent %q", got)
	}

	d := Definition{HTTP: server.URL + "/endless", OutputMaxSize: 100}
	if got := newHTTP(NewRunner(nil), d).probe(t.Context()); len(got.Output) > 300 {
		t.Errorf("kept %d bytes of output, want about 100", len(got.Output))
	}
	for _, bad := range []string{"::bad", "http://127.0.0.1:1/"} {
		if got := newHTTP(NewRunner(nil), Definition{HTTP: bad}).probe(t.Context()); got.Status != state.Critical || got.Output == "" {
			t.Errorf("%s: got %+v, want critical with a reason", bad, got)
		}
	}
}
