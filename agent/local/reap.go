package local

import (
	"context"
	"time"

	"github.com/realjf/muster/agent/state"
)

// mark notes since when a check is critical, and wakes the reaper when that
// will end its service sooner than the reaper expects; the caller holds the
// mutex.
func (l *Local) mark(c *announcedCheck) {
	if c.now.Status != state.Critical {
		c.critical = time.Time{}
		delete(l.doomed, c)
		return
	}
	if c.critical.IsZero() {
		c.critical = time.Now()
	}
	if c.announced.DeregisterAfter <= 0 || c.announced.ServiceID == "" {
		return
	}
	l.doomed[c] = true
	if l.reaping.IsZero() || c.end().Before(l.reaping) {
		l.reaping = c.end()
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// end is when the check ends its service if it stays critical.
func (c *announcedCheck) end() time.Time { return c.critical.Add(c.announced.DeregisterAfter) }

// reap removes services whose check has been critical for too long, each at
// its time, until ctx ends. It sleeps while there is none to come.
func (l *Local) reap(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		due, next := l.condemned(time.Now())
		for _, id := range due {
			l.config.Logger.Warn("service removed: critical for too long", "service", id)
			// The one error is that somebody else removed it just now.
			_ = l.Deregister(id)
		}
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// condemned returns the services whose time is over, and when the next one's
// will be; zero when there is none.
func (l *Local) condemned(now time.Time) (due []string, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.doomed {
		if end := c.end(); !end.After(now) {
			due = append(due, c.announced.ServiceID)
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	l.reaping = next
	return due, next
}
