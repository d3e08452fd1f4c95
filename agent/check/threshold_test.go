package check

import (
	"testing"

	"github.com/realjf/muster/agent/state"
)

func TestThreshold(t *testing.T) {
	for _, tc := range []struct {
		name       string
		definition Definition
		results    string // p, w and c: what single looks found
		want       string // what it leads to after each; - keeps the status
	}{
		{"each result counts by default", Definition{}, "pcwp", "pcwp"},
		{"the first result always counts", Definition{SuccessBeforePassing: 3, FailuresBeforeCritical: 3}, "c", "c"},
		{"successes in a row", Definition{SuccessBeforePassing: 3}, "cppcppp", "c--c--p"},
		{"a warning is a success", Definition{SuccessBeforePassing: 2}, "cpw", "c-w"},
		{"failures in a row", Definition{FailuresBeforeCritical: 3}, "pccpccc", "p--p--c"},
		{"warning before critical", Definition{FailuresBeforeWarning: 2, FailuresBeforeCritical: 3}, "pccc", "p-wc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			statuses := map[byte]state.Status{'p': state.Passing, 'w': state.Warning, 'c': state.Critical}
			rule := newThreshold(tc.definition)
			for n := range tc.results {
				status, counts := rule.next(statuses[tc.results[n]])
				wantStatus, want := statuses[tc.want[n]]
				if counts != want || (counts && status != wantStatus) {
					t.Errorf("result %d: got %q, %t; want %q, %t", n, status, counts, wantStatus, want)
				}
			}
		})
	}
}

// TestThresholdAfterARestart: what led to a status before counts on.
func TestThresholdAfterARestart(t *testing.T) {
	for _, tc := range []struct {
		name       string
		definition Definition
		was        state.Status
		result     state.Status
		inARow     int // how many of them it takes
	}{
		{"by default the first counts", Definition{}, state.Passing, state.Critical, 1},
		{"and so it does upwards", Definition{}, state.Critical, state.Passing, 1},
		{"passing falls as late as ever", Definition{FailuresBeforeCritical: 3}, state.Passing, state.Critical, 3},
		{"critical recovers as late as ever", Definition{SuccessBeforePassing: 3}, state.Critical, state.Passing, 3},
		{"critical stays so at once", Definition{FailuresBeforeCritical: 3}, state.Critical, state.Critical, 1},
		{"passing stays so at once", Definition{SuccessBeforePassing: 3}, state.Passing, state.Passing, 1},
		{"a warning after failures falls on", Definition{FailuresBeforeWarning: 1, FailuresBeforeCritical: 3}, state.Warning, state.Critical, 2},
		{"a warning that was a success falls as late as ever", Definition{FailuresBeforeCritical: 3}, state.Warning, state.Critical, 3},
		{"nothing is known", Definition{FailuresBeforeCritical: 3}, "", state.Critical, 1},
	} {
		rule := newThreshold(tc.definition)
		rule.resume(tc.was)
		took := 0
		for counts, status := false, state.Status(""); !counts || status != tc.result; took++ {
			if took > 10 {
				t.Fatalf("%s: never", tc.name)
			}
			status, counts = rule.next(tc.result)
		}
		if took != tc.inARow {
			t.Errorf("%s: took %d, want %d", tc.name, took, tc.inARow)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name       string
		definition Definition
		want       error
	}{
		{"HTTP", Definition{HTTP: "http://x", Interval: 1}, nil},
		{"TTL", Definition{TTL: 1}, nil},
		{"no interval", Definition{HTTP: "http://x"}, ErrNoInterval},
		{"negative interval", Definition{HTTP: "http://x", Interval: -1}, ErrNoInterval},
		{"both", Definition{TTL: 1, Interval: 1}, ErrIntervalAndTTL},
		{"nothing", Definition{}, ErrNoTTL},
		{"negative output size", Definition{TTL: 1, OutputMaxSize: -1}, ErrOutputSize},
		{"warning after critical", Definition{TTL: 1, FailuresBeforeWarning: 3, FailuresBeforeCritical: 2}, ErrThresholds},
		{"TCP", Definition{TCP: "x:1", Interval: 1}, nil},
		{"TCP without an interval", Definition{TCP: "x:1"}, ErrNoInterval},
		{"alias", Definition{AliasService: "x"}, nil},
		{"alias of a node", Definition{AliasNode: "x"}, nil},
		{"alias with a target of its own", Definition{AliasService: "x", TCP: "x:1", Interval: 1}, ErrAliasInterval},
		{"alias with a TTL", Definition{AliasService: "x", TTL: 1}, ErrAliasTTL},
		{"damping", Definition{TCP: "x:1", Interval: 1, FlapDamping: 1}, nil},
		{"damping of a TTL", Definition{TTL: 1, FlapDamping: 1}, ErrDamping},
		{"damping of an alias", Definition{AliasService: "x", FlapDamping: 1}, ErrDamping},
		{"no damping of a TTL", Definition{TTL: 1, FlapDamping: -1}, nil},
		{"an interval and nothing to look at", Definition{Interval: 1}, ErrNoTTL},
	} {
		if got := tc.definition.Validate(); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}
