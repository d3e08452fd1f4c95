package local

import (
	"slices"
	"strings"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// History is how a check came to be as it is.
type History struct {
	CheckID string
	Status  state.Status
	Changed time.Time // when the status last changed, the check was announced, or the agent was started again
	Warming bool      // the status is that of before a restart: there was no look since
	Looks   []Look    // the last ones, newest first; at most maxLooks
}

// Look is what a check found, or was told, once or several times in a row.
type Look struct {
	Status state.Status
	Output string // at most lookOutput bytes of it
	Held   bool   // the thresholds kept the status that the check had
	First  time.Time
	Last   time.Time
	Count  int // how often in a row
}

// What is kept of each check, so that ten thousand of them take no more than
// some 30 MiB, whatever they say.
const (
	maxLooks   = 10
	lookOutput = 256
)

// history is what is kept of a check.
type history struct {
	changed time.Time
	looks   []Look // oldest first
}

// add takes in a look.
func (h *history) add(report check.Report, now time.Time) {
	output := report.Output
	if len(output) > lookOutput {
		output = output[:lookOutput]
	}
	if last := len(h.looks) - 1; last >= 0 {
		l := &h.looks[last]
		if l.Status == report.Status && l.Held == report.Held && l.Output == output {
			l.Last = now
			l.Count++
			return
		}
	}
	if len(output) < len(report.Output) {
		output = strings.Clone(output) // the rest of it is not kept
	}
	if len(h.looks) == maxLooks {
		h.looks = slices.Delete(h.looks, 0, 1)
	}
	h.looks = append(h.looks, Look{report.Status, output, report.Held, now, now, 1})
}

// History returns how an announced check came to be as it is: [UnknownCheck].
func (l *Local) History(id string) (History, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.checks[id]
	if c == nil {
		return History{}, UnknownCheck(id)
	}
	looks := append([]Look{}, c.history.looks...)
	slices.Reverse(looks)
	return History{CheckID: id, Status: c.now.Status, Changed: c.history.changed, Warming: c.warming != nil, Looks: looks}, nil
}
