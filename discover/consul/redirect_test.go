package consul

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestATokenStaysHome: an answer that leads to another host takes neither token nor
// password there, whoever asks.
func TestATokenStaysHome(t *testing.T) {
	var got []http.Header
	var body string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header)
		text, _ := io.ReadAll(r.Body)
		body += string(text)
		_, _ = io.WriteString(w, "[]")
	}))
	defer other.Close()
	away := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, away+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer registry.Close()
	settings := func() *api.Config {
		return &api.Config{Address: registry.URL, Token: "secret", HttpAuth: &api.HttpBasicAuth{Username: "u", Password: "p"}}
	}
	ask := func(at *api.Config) (errs []error) {
		c, err := New(at, Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseIdleConnections()
		talk := c.Open()
		defer talk.Close()
		_, inTalk := talk.Next(t.Context(), asked, 0)
		_, once := c.Next(t.Context(), asked, 0)
		return []error{inTalk, once, c.Deregister(t.Context(), "web-1")}
	}
	for name, client := range map[string]*http.Client{"its own": nil, "the program's": {}} {
		at := settings()
		at.HttpClient = client
		for n, err := range ask(at) {
			if err == nil || !strings.Contains(err.Error(), "leads to "+away) {
				t.Errorf("%s: request %d: got error %v, want where it leads", name, n, err)
			}
		}
		if len(got) != 0 || body != "" {
			t.Errorf("%s: the other host was asked: %v %q", name, got, body)
		}
	}
	at := settings()
	at.HttpClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for n, err := range ask(at) {
		if err != nil {
			t.Errorf("a policy of one's own: request %d: %v", n, err)
		}
	}
	for _, header := range got {
		if token, password := header.Get("X-Consul-Token"), header.Get("Authorization"); token != "" || password != "" {
			t.Errorf("the other host got token %q and password %q", token, password)
		}
	}
	if len(got) != 3 {
		t.Errorf("the other host was asked %d times, want 3", len(got))
	}
}

// TestWithoutEnd: an answer that leads to itself ends.
func TestWithoutEnd(t *testing.T) {
	_, talk, _ := connections(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	})
	if _, err := talk.Next(t.Context(), asked, 0); err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("got error %v", err)
	}
}

func TestIsHome(t *testing.T) {
	for _, test := range []struct {
		home, to string
		want     bool
	}{
		{"http://a:8500", "http://a:8500/there", true},
		{"http://a:8500", "http://A", true},
		{"http://a:8500", "https://a:8501", true},
		{"https://a:8501", "http://a:8500", false},
		{"http://a", "http://b", false},
		{"http://a", "http://b.a", false},
		{"http://[::1]:8500", "http://[::1]:8501", true},
		{"http://[::1]:8500", "http://[::2]:8500", false},
		{"http://a", "ftp://a", false},
	} {
		home, err := url.Parse(test.home)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(test.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := isHome(home, to); got != test.want {
			t.Errorf("from %s to %s: got %v, want %v", test.home, test.to, got, test.want)
		}
	}
}
