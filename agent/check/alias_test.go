package check

import (
	"testing"
	"time"

	"github.com/realjf/muster/agent/state"
)

func TestAliasedResult(t *testing.T) {
	of := func(service string, status state.Status, name string) *state.Check {
		return &state.Check{Name: name, Status: status, Output: "o", ServiceID: service}
	}
	for _, tc := range []struct {
		name   string
		known  bool
		checks []*state.Check
		want   Result
	}{
		{"nobody", false, nil, Result{state.Critical, "Service web could not be found on node n"}},
		{"a node without the service", false, []*state.Check{of("", state.Passing, "node")},
			Result{state.Critical, "Service web could not be found on node n"}},
		{"no checks", true, nil, Result{state.Passing, "No checks found."}},
		{"passing", true, []*state.Check{of("web", state.Passing, "a"), of("", state.Passing, "b")},
			Result{state.Passing, "All checks passing."}},
		{"a check proves the service", false, []*state.Check{of("web", state.Passing, "a")}, Result{state.Passing, "All checks passing."}},
		{"warning", true, []*state.Check{of("web", state.Warning, "a"), of("web", state.Passing, "b")},
			Result{state.Warning, `Aliased check "a" failing: o`}},
		{"the first critical", true, []*state.Check{of("web", state.Warning, "a"), of("", state.Critical, "b"), of("web", state.Critical, "c")},
			Result{state.Critical, `Aliased check "b" failing: o`}},
	} {
		if got := (Aliased{Checks: tc.checks, Known: tc.known}).Result("n", "web"); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestAliasLooksWhenSomethingChanges(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		looks := make(chan Aliased, 1)
		r.aliases = func(node, service string) Aliased {
			if node != "n" || service != "web" {
				t.Errorf("asked for %s on %s, want web on n", service, node)
			}
			return <-looks
		}
		var got reports
		expect := func(count int, status state.Status) {
			t.Helper()
			time.Sleep(time.Hour) // nothing comes of time alone
			if n, result := got.last(); n != count || result.Status != status {
				t.Fatalf("got %d reports, the last %+v; want %d, the last %s", n, result, count, status)
			}
		}
		changed, moved := make(chan struct{}), make(chan struct{})
		looks <- Aliased{Known: true, Changed: changed, Moved: moved}
		task := r.Start(Definition{AliasNode: "n", AliasService: "web"}, got.add)
		expect(1, state.Passing)
		looks <- Aliased{Checks: []*state.Check{{Status: state.Critical, ServiceID: "web"}}, Moved: moved}
		close(changed)
		expect(2, state.Critical)
		again := make(chan struct{})
		looks <- Aliased{Changed: again}
		close(moved)
		expect(3, state.Critical)
		task.Stop()
		close(again)
		expect(3, state.Critical)
	})
}
