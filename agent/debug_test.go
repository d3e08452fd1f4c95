package agent_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

func TestMonitorReadsTheLog(t *testing.T) {
	registry := agenttest.Start(t)
	stop := make(chan struct{})
	defer close(stop)
	lines, err := registry.Client().Agent().Monitor("debug", stop, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Client().Status().Leader(); err != nil {
		t.Fatal(err)
	}
	if line := <-lines; !strings.Contains(line, "Z [DEBUG] agent.http: request finished: method=GET url=/v1/status/leader from=127.0.0.1:") {
		t.Errorf("got %q", line)
	}
}

// TestStreamsEndWithTheAgent leaves streams open, unread, while the registry
// closes: the test's own end waits for it.
func TestStreamsEndWithTheAgent(t *testing.T) {
	registry := agenttest.Start(t)
	for _, path := range []string{"/v1/agent/monitor?logjson&loglevel=trace", "/v1/agent/metrics/stream"} {
		for accepted, want := range map[string][]string{"identity": nil, "gzip": {"text/plain; charset=utf-8"}} { // as from Consul
			response := streamOf(t, registry, path, accepted)
			if got := response.Header["Content-Type"]; response.StatusCode != http.StatusOK || !slices.Equal(got, want) {
				t.Errorf("%s in %s: got %d and type %q, want 200 and %q", path, accepted, response.StatusCode, got, want)
			}
		}
	}
}

// streamOf opens a stream, which is closed when the test ends.
func streamOf(t *testing.T, registry *agenttest.Agent, path, accepted string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+registry.Addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", accepted)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestStreamsComeInGzip reads a line of the log as soon as it is written.
func TestStreamsComeInGzip(t *testing.T) {
	registry := agenttest.Start(t)
	response := streamOf(t, registry, "/v1/agent/monitor?loglevel=debug", "gzip")
	if got := response.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("got it in %q, want gzip", got)
	}
	if _, err := registry.Client().Status().Leader(); err != nil {
		t.Fatal(err)
	}
	text, err := gzip.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(text).ReadString('\n')
	if err != nil || !strings.Contains(line, "url=/v1/status/leader") {
		t.Errorf("got %q, %v, want the request that was made", line, err)
	}
}

func TestHost(t *testing.T) {
	told, err := agenttest.Start(t).Client().Agent().Host()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Memory", "CPU", "Host", "Disk", "CollectionTime", "Errors"} {
		if _, there := told[name]; !there {
			t.Errorf("nothing is told of %s", name)
		}
	}
}

func TestProfilesAreServedWithDebugOnly(t *testing.T) {
	for _, on := range []bool{true, false} {
		registry := agenttest.Start(t, func(c *agent.Config) { c.EnableDebug = on })
		for path, want := range map[string]string{
			"/debug/pprof/":                  "Types of profiles available",
			"/debug/pprof/cmdline":           "agent.test",
			"/debug/pprof/goroutine?debug=1": "goroutine profile: total",
			"/debug/pprof/heap?debug=1":      "heap profile:",
		} {
			response, err := http.Get("http://" + registry.Addr + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case on && (response.StatusCode != http.StatusOK || !strings.Contains(string(body), want)):
				t.Errorf("%s: got %d %.80s", path, response.StatusCode, body)
			case !on && (response.StatusCode != http.StatusNotFound || len(body) > 0):
				t.Errorf("%s without debug: got %d %.80s, want a bare 404", path, response.StatusCode, body)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
