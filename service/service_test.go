package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/service"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is a Finder that always gives the same answer.
type answer struct {
	snapshot discover.Snapshot
	err      error
}

func (a answer) Get(context.Context, discover.Query) (discover.Snapshot, error) {
	return a.snapshot, a.err
}

func TestDiscover(t *testing.T) {
	up := discover.Instance{ID: "web-1", Service: "web", Status: discover.Passing}
	down := discover.Instance{ID: "web-2", Service: "web", Status: discover.Critical, Reason: "http: 500"}
	gone := errors.New("connection refused")
	tests := []struct {
		name   string
		answer answer
		want   int          // instances
		kind   service.Kind // of the error
		says   string       // part of the error
	}{
		{"healthy", answer{snapshot: discover.Snapshot{Instances: []discover.Instance{up}, Unhealthy: []discover.Instance{down}}}, 1, service.OK, ""},
		{"healthy, registry gone since", answer{snapshot: discover.Snapshot{Instances: []discover.Instance{up}, Err: gone}}, 1, service.OK, ""},
		{"none known", answer{}, 0, service.NotFound, "discovery service not found"},
		{"none known, registry gone since", answer{snapshot: discover.Snapshot{Err: gone}}, 0, service.Unavailable, "connection refused"},
		{"all out", answer{snapshot: discover.Snapshot{Unhealthy: []discover.Instance{down}}}, 0, service.Unhealthy, `no healthy instance of "web", 1 known: web-2 is critical (http: 500)`},
		{"registry unavailable", answer{err: fmt.Errorf("%w: %w", discover.ErrUnavailable, gone)}, 0, service.Unavailable, `discover "web": registry unavailable: connection refused`},
		{"too late", answer{err: context.DeadlineExceeded}, 0, service.Timeout, "deadline"},
		{"caller gone", answer{err: context.Canceled}, 0, service.Canceled, "canceled"},
		{"closed", answer{err: discover.ErrClosed}, 0, service.Unavailable, "closed"},
		{"surprise", answer{err: errors.New("boom")}, 0, service.Internal, "boom"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := service.New(test.answer).Discover(t.Context(), "web")
			if len(got) != test.want {
				t.Errorf("instances: got %d, want %d", len(got), test.want)
			}
			if kind := service.KindOf(err); kind != test.kind {
				t.Errorf("kind: got %q, want %q (%v)", kind, test.kind, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("error: got %q, want it to say %q", err, test.says)
			}
		})
	}
}

func TestDiscoverRefusesNames(t *testing.T) {
	for _, name := range []string{
		"", "a\x00b", "a\nb", "\x7f", "\xff", strings.Repeat("x", 256), "..", ".", "../agent",
	} {
		_, err := service.New(answer{err: errors.New("asked")}).Discover(t.Context(), name)
		if !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("Discover(%q): got %v, want %v", name, err, discover.ErrInvalid)
		}
	}
	for _, name := range []string{"web", "SayHello", "web.v2", "服务", "with space", "...", strings.Repeat("x", 255)} {
		if _, err := service.New(answer{}).Discover(t.Context(), name); !errors.Is(err, service.ErrNotFound) {
			t.Errorf("Discover(%q): got %v, want %v", name, err, service.ErrNotFound)
		}
	}
}

func TestUnhealthyErrorIsBounded(t *testing.T) {
	page := strings.Repeat("<p>é\n", 5000)
	err := &service.UnhealthyError{Service: "web"}
	for range 1000 {
		err.Out = append(err.Out, discover.Instance{ID: "x", Status: discover.Critical, Reason: page})
	}
	got := err.Error()
	if len(got) > 2000 || strings.Contains(got, "\n") {
		t.Errorf("got %d bytes, want one short line", len(got))
	}
	if !strings.HasSuffix(got, "; and 995 more") {
		t.Errorf("got %q, want it to count the rest", got[len(got)-40:])
	}
}

func TestHealthUntilLeave(t *testing.T) {
	s := service.New(answer{})
	if err := s.Health(); err != nil {
		t.Fatalf("at the start: got %v, want nil", err)
	}
	s.Leave()
	if err := s.Health(); !errors.Is(err, service.ErrLeaving) {
		t.Fatalf("after Leave: got %v, want %v", err, service.ErrLeaving)
	}
}
