package local

import (
	"fmt"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

// UpdateTTL reports how a TTL check fares: [UnknownCheck], [NotTTL].
func (l *Local) UpdateTTL(id string, status state.Status, output string) error {
	result, news, err := l.beat(id, check.Result{Status: status, Output: output})
	if err != nil || !news {
		return err
	}
	return l.report(id, func(c *announcedCheck) (check.Result, bool) { return result, true })
}

// beat renews a TTL check. What is no news to the catalog it notes at once.
func (l *Local) beat(id string, told check.Result) (result check.Result, news bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.checks[id]
	if c == nil {
		return told, false, UnknownCheck(id)
	}
	if c.task == nil {
		return told, false, NotTTL(id)
	}
	kept, isTTL := c.task.Beat(told.Output)
	if !isTTL {
		return told, false, NotTTL(id)
	}
	told.Output = kept
	if l.newsworthy(c, told) {
		return told, true, nil
	}
	l.note(c, told)
	return told, false, nil
}

// report takes in what is known of a check by now, if that is anything:
// [UnknownCheck].
func (l *Local) report(id string, known func(*announcedCheck) (check.Result, bool)) error {
	var was, is *state.Check
	err := l.change(func(w *state.Writer) error {
		c := l.checks[id]
		if c == nil {
			return UnknownCheck(id)
		}
		result, ok := known(c)
		if !ok {
			return nil
		}
		was = c.now
		err := l.update(w, c, result)
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

// newsworthy reports whether a result is to be written into the catalog at
// once; the caller holds the mutex. A new status is; an output alone only when
// the catalog's is old, so that a chatty check does not wake every reader. The
// first bad result is even where the check began as bad: whoever looks must be
// able to read why.
func (l *Local) newsworthy(c *announcedCheck, result check.Result) bool {
	if c.now.Status == result.Status && c.now.Output == result.Output {
		return false
	}
	return c.now.Status != result.Status ||
		c.now.Output == "" && result.Status != state.Passing ||
		time.Since(c.written) >= l.config.OutputInterval
}

// update takes in a result within a change.
func (l *Local) update(w *state.Writer, c *announcedCheck, result check.Result) error {
	if l.newsworthy(c, result) {
		next := *c.now
		next.Status, next.Output = result.Status, result.Output
		if err := w.PutCheck(next); err != nil {
			return fmt.Errorf("update check %q: %w", next.CheckID, err)
		}
		c.written = time.Now()
	}
	l.note(c, result)
	return nil
}

// note takes a result into the agent's own view; the caller holds the mutex.
func (l *Local) note(c *announcedCheck, result check.Result) {
	if c.now.Status == result.Status && c.now.Output == result.Output {
		return
	}
	next := *c.now
	next.Status, next.Output = result.Status, result.Output
	c.now = &next
	l.mark(c)
	l.stir(c.announced.ServiceID)
	l.tell()
}
