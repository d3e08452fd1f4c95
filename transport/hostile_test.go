package transport_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/realjf/muster/service"
)

// FuzzRequest: whatever is asked, the answer is JSON with a status that the
// service has; and who asks for a name is answered for that name or refused.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"/say-hello", "/health", "/discovery?serviceName=web", "/discovery?serviceName=sick", "/discovery?serviceName=a&serviceName=b", "/discovery?serviceName=%zz",
		"/discovery?serviceName=..%2fkv", "/discovery/", "//discovery", "/?serviceName=web", "/discovery?serviceName=%00", "/discovery?serviceName=panic", "/discovery?;",
	} {
		f.Add("GET", seed)
	}
	f.Add("GET", "/discovery?serviceName="+strings.Repeat("\xf8", 4000))
	f.Add("POST", "/say-hello")
	f.Add("HEAD", "/health")
	handler := newHandler(service.New(finder))
	f.Fuzz(func(t *testing.T, method, target string) {
		to, err := url.ParseRequestURI(target)
		if err != nil || to.Path == "/metrics" {
			t.Skip("the server of HTTP refuses it, or it is text")
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://service"+target, nil)
		if err != nil {
			t.Skip("the server of HTTP refuses it")
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		got := recorder.Body.String()
		switch status := recorder.Code; {
		case status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect: // to a clean path
			if to := recorder.Header().Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
				t.Errorf("led elsewhere: %q", to)
			}
			return
		case status != 200 && status != 400 && status != 404 && status != 405 && status != 500 && status != 503 && status != 504:
			t.Errorf("got status %d", status)
		case method != http.MethodHead && !json.Valid([]byte(got)):
			t.Errorf("got what is no JSON: %q", got)
		case len(got) > 4*len(target)+1<<10:
			t.Errorf("got %d bytes", len(got))
		case strings.Contains(got, "secret detail"):
			t.Errorf("a stranger is told: %s", got)
		}
		query, err := url.ParseQuery(r.URL.RawQuery)
		if r.URL.Path == "/discovery" && recorder.Code == 200 && (err != nil || query.Get("serviceName") != "web") {
			t.Errorf("%s is answered %s", target, got)
		}
	})
}
