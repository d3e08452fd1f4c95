package agent_test

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/agent/api"
)

// TestNoSecretIsTold sends tokens, right and wrong, and other secrets through
// all doors, and looks for them wherever somebody else may read.
func TestNoSecretIsTold(t *testing.T) {
	const mark = "S3CRET"
	const right, wrong = mark + "-right", mark + "-wrong"
	var log journal
	registry := agenttest.Start(t, func(c *agent.Config) {
		c.HTTPToken, c.Stay = right, true
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))
	})
	monitor, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+registry.Addr+"/v1/agent/monitor?loglevel=trace&token="+right, nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := http.DefaultClient.Do(monitor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	defer stream.Body.Close()

	// A check whose header and token are secrets, of a target that is down, so
	// that there are errors to be told.
	target := httptest.NewServer(http.NotFoundHandler())
	down := target.URL
	target.Close()
	body := `{"ID":"web","Name":"web","Check":{"HTTP":"` + down + `","Interval":"1h","Timeout":"5s","Header":{"Authorization":["` + mark + `-header"]},"Body":"` + mark + `-body"},"Token":"` + mark + `-token"}`
	if response, text := send(t, registry, call{method: http.MethodPut, path: "/v1/agent/service/register", body: body, header: carrying(right)}); response.StatusCode != http.StatusOK {
		t.Fatalf("register: %d %s", response.StatusCode, text)
	}
	if response, text := send(t, registry, call{method: http.MethodPut, path: "/v1/kv/a", body: mark + "-value", header: carrying(right)}); response.StatusCode != http.StatusOK {
		t.Fatalf("put: %d %s", response.StatusCode, text)
	}

	endless := map[string]bool{"/v1/agent/monitor": true, "/v1/agent/metrics/stream": true}
	for _, endpoint := range append(api.Endpoints(), api.Endpoint{Path: "/ui/"}, api.Endpoint{Path: "/debug/pprof/symbol"}, api.Endpoint{Path: "/v1/nosuch"}) {
		if endless[endpoint.Path] {
			continue
		}
		path := wildcard.ReplaceAllString(endpoint.Path, "a")
		for _, method := range append(endpoint.Methods, http.MethodPatch) {
			for _, token := range []string{right, wrong} {
				for _, c := range []call{
					{path: path, header: carrying(token)},
					{path: path, header: http.Header{"Authorization": {"Bearer " + token}}},
					{path: path + "?recurse&cas=0&acquire=x&keys&token=" + token},
					{path: path + "?%74oken=" + token + "&dc=other&wait=x"},
					{path: path + "?pretty;token=" + token},
				} {
					c.method, c.body = method, "{"
					if response, text := send(t, registry, c); response.StatusCode >= 400 && strings.Contains(text, mark) {
						t.Errorf("%s %s: the error shows a secret: %s", method, c.path, text)
					}
				}
			}
		}
	}
	for _, path := range []string{"/v1/agent/self", "/v1/agent/metrics", "/v1/agent/metrics?format=prometheus", "/v1/agent/host"} {
		response, text := send(t, registry, call{method: http.MethodGet, path: path, header: carrying(right)})
		if response.StatusCode != http.StatusOK || strings.Contains(text, mark) {
			t.Errorf("%s: got %d, with a secret: %t", path, response.StatusCode, strings.Contains(text, mark))
		}
	}
	const last = "/v1/kv/the-last-one"
	send(t, registry, call{method: http.MethodGet, path: last + "?token=" + url.QueryEscape(right)})
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() && !strings.Contains(lines.Text(), last) {
		if strings.Contains(lines.Text(), mark) {
			t.Errorf("the monitor shows a secret: %s", lines.Text())
		}
	}
	if !strings.Contains(lines.Text(), last) || strings.Contains(lines.Text(), mark) {
		t.Errorf("the monitor ended with %q (%v)", lines.Text(), lines.Err())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, mark) {
			t.Errorf("the log shows a secret: %s", line)
		}
	}
	if !strings.Contains(log.String(), "request refused") || !strings.Contains(log.String(), "request finished") {
		t.Error("the log does not have what it is searched for")
	}
}
