package local

import (
	"fmt"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// UpdateTTL reports how a TTL check fares: [UnknownCheck], [NotTTL].
func (l *Local) UpdateTTL(id string, status state.Status, output string) error {
	return l.report(id, func(c *announcedCheck) (told check.Report, known bool, err error) {
		if c.task == nil {
			return told, false, NotTTL(id)
		}
		kept, isTTL := c.task.Beat(output)
		if !isTTL {
			return told, false, NotTTL(id)
		}
		return check.Report{Result: check.Result{Status: status, Output: kept}}, true, nil
	})
}

// report takes in what is known of a check by now, if that is anything:
// [UnknownCheck]. known is asked with the mutex held, and again when the
// catalog is to hear of it.
func (l *Local) report(id string, known func(*announcedCheck) (check.Report, bool, error)) error {
	news, err := l.noteIfOld(id, known)
	if err != nil || !news {
		return err
	}
	var was, is *state.Check
	err = l.find(func(w *state.Writer) error {
		c := l.checks[id]
		if c == nil {
			return UnknownCheck(id)
		}
		report, ok, err := known(c)
		if err != nil || !ok {
			return err
		}
		was = c.now
		err = l.update(w, c, l.kept(report))
		is = c.now
		return err
	})
	// Not within the change: a log may be slow.
	if err == nil && is != nil && was.Status != is.Status {
		l.config.Logger.Info("check changed", "check", id, "service", is.ServiceID,
			"from", was.Status, "to", is.Status, "output", is.Output)
	}
	return err
}

// noteIfOld is report for what is no news to the catalog, as nearly all that
// checks find; otherwise it reports true and does nothing.
func (l *Local) noteIfOld(id string, known func(*announcedCheck) (check.Report, bool, error)) (news bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.checks[id]
	if c == nil {
		return false, UnknownCheck(id)
	}
	report, ok, err := known(c)
	if err != nil || !ok {
		return false, err
	}
	report = l.kept(report)
	if l.newsworthy(c, report) {
		return true, nil
	}
	l.note(c, report)
	return false, nil
}

// DiscardOutput says whether the output of checks is dropped from now on, as
// it may change with each look or hold what is not for everyone.
func (l *Local) DiscardOutput(drop bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.config.DiscardOutput = drop
}

// kept returns what is kept of a report; the caller holds the mutex.
func (l *Local) kept(report check.Report) check.Report {
	if l.config.DiscardOutput {
		report.Output = ""
	}
	return report
}

// newsworthy reports whether a result is to be written into the catalog at
// once; the caller holds the mutex. A new status is; an output alone only when
// the catalog's is old, so that a chatty check does not wake every reader. The
// first bad result is even where the check began as bad: whoever looks must be
// able to read why.
func (l *Local) newsworthy(c *announcedCheck, report check.Report) bool {
	if report.Held || c.now.Status == report.Status && c.now.Output == report.Output {
		return false
	}
	return c.now.Status != report.Status ||
		c.now.Output == "" && report.Status != state.Passing ||
		time.Since(c.written) >= l.config.OutputInterval
}

// update takes in what a look came to, within a change.
func (l *Local) update(w *state.Writer, c *announcedCheck, report check.Report) error {
	if l.newsworthy(c, report) {
		next := *c.now
		next.Status, next.Output = report.Status, report.Output
		if err := w.PutCheck(next); err != nil {
			return fmt.Errorf("update check %q: %w", next.CheckID, err)
		}
		c.written = time.Now()
	}
	l.note(c, report)
	return nil
}

// note takes what a look came to into the agent's own view; the caller holds the mutex.
func (l *Local) note(c *announcedCheck, report check.Report) {
	now := time.Now()
	c.history.add(report, now)
	l.warmed(c)
	if report.Held || c.now.Status == report.Status && c.now.Output == report.Output {
		return
	}
	if c.now.Status != report.Status {
		c.history.changed = now
	}
	next := *c.now
	next.Status, next.Output = report.Status, report.Output
	c.now = &next
	l.mark(c)
	l.stir(c.announced.ServiceID)
	l.tell()
}
