package direct

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	client := &http.Client{Transport: Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the request's body: %v", err)
		}
		w.Header().Set("X-Path", r.URL.Path+"?"+r.URL.RawQuery)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK) // too late, as on a real connection
		_, _ = io.WriteString(w, r.Method+" "+string(body))
	}))}
	response, err := client.Post("http://anywhere/a/b?c=d", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(body); got != "POST hello" {
		t.Errorf("got body %q", got)
	}
	if response.StatusCode != http.StatusTeapot || response.Header.Get("X-Path") != "/a/b?c=d" {
		t.Errorf("got status %d and path %q", response.StatusCode, response.Header.Get("X-Path"))
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://anywhere/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Transport(http.NotFoundHandler()).RoundTrip(request)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context ended", err)
	}
}
