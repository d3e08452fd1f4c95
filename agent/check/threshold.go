package check

import "github.com/realjf/muster/agent/state"

// threshold turns single results into a status: it lets a status change only
// after enough results in a row. A warning counts as a success.
type threshold struct {
	passing, warning, critical int // results in a row that it takes
	successes, failures        int // in a row so far
}

// newThreshold starts with both counts satisfied, so that the first result
// always applies (Consul does the same).
func newThreshold(d Definition) *threshold {
	t := &threshold{
		passing:  max(d.SuccessBeforePassing, 1),
		warning:  d.FailuresBeforeWarning,
		critical: max(d.FailuresBeforeCritical, 1),
	}
	if t.warning == 0 {
		t.warning = t.critical
	}
	t.successes, t.failures = t.passing, max(t.warning, t.critical)
	return t
}

// resume has the counts stand as they do once results have led to status, so
// that it takes as many to change it as it would have taken before. Nothing is
// known of a status that is empty.
func (t *threshold) resume(status state.Status) {
	switch status {
	case state.Passing:
		t.failures = 0
	case state.Warning:
		if t.failures = t.warning; t.warning == t.critical {
			t.failures = 0 // it was no failure that led there
		}
	case state.Critical:
		t.successes = 0
	}
}

// next takes a result and returns the status it leads to; false means that
// the status stays as it was.
func (t *threshold) next(result state.Status) (state.Status, bool) {
	if result != state.Critical {
		t.successes, t.failures = t.successes+1, 0
		return result, t.successes >= t.passing
	}
	t.successes, t.failures = 0, t.failures+1
	switch {
	case t.failures >= t.critical:
		return state.Critical, true
	case t.failures >= t.warning:
		return state.Warning, true
	default:
		return "", false
	}
}
