package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/endpoint"
	"github.com/realjf/muster/service"
	"github.com/realjf/muster/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// known is a service.Finder with an answer for each name.
type known map[string]func() (discover.Snapshot, error)

func (k known) Get(_ context.Context, q discover.Query) (discover.Snapshot, error) {
	if answer, ok := k[q.Service]; ok {
		return answer()
	}
	return discover.Snapshot{}, nil
}

var finder = known{
	"web": func() (discover.Snapshot, error) {
		return discover.Snapshot{Instances: []discover.Instance{{
			ID: "web-1", Service: "web", Address: "::1", Port: 80,
			Tags: []string{"a<b"}, Meta: map[string]string{"k": "v"},
			Weights: discover.Weights{Passing: 2, Warning: 1}, Datacenter: "dc1", Node: "n1",
			Status: discover.Passing, Reason: "not to be shown",
		}}}, nil
	},
	"sick": func() (discover.Snapshot, error) {
		return discover.Snapshot{Unhealthy: []discover.Instance{{ID: "sick-1", Status: discover.Critical, Reason: `http: "500"`}}}, nil
	},
	"away": func() (discover.Snapshot, error) {
		return discover.Snapshot{}, fmt.Errorf("%w: connection refused", discover.ErrUnavailable)
	},
	"slow":     func() (discover.Snapshot, error) { return discover.Snapshot{}, context.DeadlineExceeded },
	"surprise": func() (discover.Snapshot, error) { return discover.Snapshot{}, errors.New("secret detail") },
	"panic":    func() (discover.Snapshot, error) { panic("secret detail") },
}

func newHandler(svc *service.Service) http.Handler {
	return transport.NewHandler(endpoint.New(svc, endpoint.Config{}), transport.Config{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "metric 1") }),
		Leaving: func() bool { return svc.Health() != nil },
	})
}

func ask(t *testing.T, handler http.Handler, method, target string) *http.Response {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, target, nil))
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestAnswers(t *testing.T) {
	const web = `{"instances":[{"ID":"web-1","Service":"web","Address":"::1","Port":80,"Tags":["a<b"],"Meta":{"k":"v"},` +
		`"Weights":{"Passing":2,"Warning":1},"Datacenter":"dc1","Node":"n1","Status":"passing"}],"error":""}`
	tests := []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/say-hello", 200, `{"message":"Hello World"}`},
		{"GET", "/say-hello?x=1", 200, `{"message":"Hello World"}`},
		{"GET", "/health", 200, `{"status":true}`},
		{"GET", "/discovery?serviceName=web", 200, web},
		{"GET", "/discovery?serviceName=nobody", 404, `{"instances":[],"error":"discovery service not found"}`},
		{"GET", "/discovery?serviceName=sick", 503, `{"instances":[],"error":"no healthy instance of \"sick\", 1 known: sick-1 is critical (http: \"500\")"}`},
		{"GET", "/discovery?serviceName=away", 503, `{"instances":[],"error":"discover \"away\": registry unavailable: connection refused"}`},
		{"GET", "/discovery?serviceName=slow", 504, `{"instances":[],"error":"discover \"slow\": context deadline exceeded"}`},
		{"GET", "/discovery?serviceName=surprise", 500, `{"instances":[],"error":"internal error"}`},
		{"GET", "/discovery?serviceName=panic", 500, `{"instances":[],"error":"internal error"}`},
		{"GET", "/discovery", 400, `{"error":"invalid request: serviceName is missing, ask for /discovery?serviceName=NAME"}`},
		{"GET", "/discovery?servicename=web", 400, `{"error":"invalid request: serviceName is missing, ask for /discovery?serviceName=NAME"}`},
		{"GET", "/discovery?serviceName=", 400, `{"error":"invalid service name: it is empty"}`},
		{"GET", "/discovery?serviceName=a&serviceName=b", 400, `{"error":"invalid request: serviceName is given 2 times, ask for one service at a time"}`},
		{"GET", "/discovery?serviceName=%zz", 400, `{"error":"invalid query string: invalid URL escape \"%zz\""}`},
		{"GET", "/discovery?serviceName=a%00", 400, `{"error":"invalid service name \"a\\x00\": it holds control characters or is not UTF-8"}`},
		{"GET", "/nowhere", 404, `{"error":"no such path: /nowhere"}`},
		{"GET", "/", 404, `{"error":"no such path: /"}`},
		{"GET", "/health/", 404, `{"error":"no such path: /health/"}`},
		{"POST", "/nowhere", 404, `{"error":"no such path: /nowhere"}`},
		{"POST", "/say-hello", 405, `{"error":"method POST not allowed"}`},
		{"DELETE", "/discovery?serviceName=web", 405, `{"error":"method DELETE not allowed"}`},
		{"PUT", "/health", 405, `{"error":"method PUT not allowed"}`},
		{"POST", "/metrics", 405, `{"error":"method POST not allowed"}`},
	}
	handler := newHandler(service.New(finder))
	for _, test := range tests {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			response := ask(t, handler, test.method, test.target)
			if response.StatusCode != test.status {
				t.Errorf("status: got %d, want %d", response.StatusCode, test.status)
			}
			got := body(t, response)
			if got != test.body+"\n" {
				t.Errorf("body: got %s want %s", got, test.body)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("body is not JSON: %s", got)
			}
			if got, want := response.Header.Get("Content-Type"), "application/json; charset=utf-8"; got != want {
				t.Errorf("content type: got %q, want %q", got, want)
			}
			wantAllow := ""
			if test.status == http.StatusMethodNotAllowed {
				wantAllow = "GET, HEAD"
			}
			if got := response.Header.Get("Allow"); got != wantAllow {
				t.Errorf("allow: got %q, want %q", got, wantAllow)
			}
			if got := response.Header.Get("Connection"); got != "" {
				t.Errorf("connection: got %q, want it kept", got)
			}
		})
	}
}

// TestEachKindHasAStatus fails when a kind is added without one.
func TestEachKindHasAStatus(t *testing.T) {
	tests := map[service.Kind]error{
		service.Invalid:     discover.ErrInvalid,
		service.NotFound:    service.ErrNotFound,
		service.Unhealthy:   &service.UnhealthyError{},
		service.Unavailable: discover.ErrUnavailable,
		service.Leaving:     service.ErrLeaving,
		service.Timeout:     context.DeadlineExceeded,
		service.Canceled:    context.Canceled,
		service.Internal:    errors.New("boom"),
	}
	for kind, err := range tests {
		handler := newHandler(service.New(known{"x": func() (discover.Snapshot, error) { return discover.Snapshot{}, err }}))
		if got := ask(t, handler, "GET", "/discovery?serviceName=x").StatusCode; got < 400 {
			t.Errorf("%s: got %d, want an error's status", kind, got)
		}
	}
}

func TestHeadAnswersWithoutBody(t *testing.T) {
	server := httptest.NewServer(newHandler(service.New(finder)))
	defer server.Close()
	for target, want := range map[string]int{"/say-hello": 200, "/health": 200, "/discovery?serviceName=nobody": 404, "/metrics": 200} {
		response, err := server.Client().Head(server.URL + target)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, response); response.StatusCode != want || got != "" {
			t.Errorf("HEAD %s: got %d %q, want %d and no body", target, response.StatusCode, got, want)
		}
		response.Body.Close()
	}
}

func TestMetricsAreServed(t *testing.T) {
	response := ask(t, newHandler(service.New(finder)), "GET", "/metrics")
	if got := body(t, response); response.StatusCode != 200 || !strings.Contains(got, "metric 1") {
		t.Errorf("got %d %q", response.StatusCode, got)
	}
	bare := transport.NewHandler(endpoint.New(service.New(finder), endpoint.Config{}), transport.Config{})
	if got := ask(t, bare, "GET", "/metrics").StatusCode; got != 404 {
		t.Errorf("without metrics: got %d, want 404", got)
	}
}

func TestLeavingFailsHealthAndKeepsServing(t *testing.T) {
	svc := service.New(finder)
	handler := newHandler(svc)
	svc.Leave()

	response := ask(t, handler, "GET", "/health")
	if got := body(t, response); response.StatusCode != 503 || got != `{"status":false}`+"\n" {
		t.Errorf("health: got %d %q", response.StatusCode, got)
	}
	response = ask(t, handler, "GET", "/say-hello")
	if response.StatusCode != 200 || response.Header.Get("Connection") != "close" {
		t.Errorf("say hello: got %d, connection %q; want 200 and close", response.StatusCode, response.Header.Get("Connection"))
	}
}
