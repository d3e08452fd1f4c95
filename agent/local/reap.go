package local

import (
	"context"
	"time"

	"github.com/realjf/muster/agent/state"
)

// mark notes since when a check is critical, and when that ends its service;
// the caller holds the mutex.
func (l *Local) mark(c *announcedCheck) {
	id := c.now.CheckID
	if c.now.Status != state.Critical {
		c.critical = time.Time{}
		l.removals.Stop(id)
		return
	}
	if c.critical.IsZero() {
		c.critical = time.Now()
	}
	if c.announced.DeregisterAfter > 0 && c.announced.ServiceID != "" {
		l.removals.Set(id, c.critical.Add(c.announced.DeregisterAfter))
	} else {
		l.removals.Stop(id)
	}
}

// reap removes services whose check has been critical for too long, each at
// its time, until ctx ends.
func (l *Local) reap(ctx context.Context) {
	l.removals.Run(ctx, func(checkID string) {
		removed := ""
		err := l.find(func(w *state.Writer) error {
			c := l.checks[checkID]
			if c == nil || c.now.Status != state.Critical || l.removals.Waits(checkID) {
				return nil // it recovered, or was announced again
			}
			removed = c.announced.ServiceID
			return l.deregister(w, removed)
		})
		switch {
		case err != nil:
			l.config.Logger.Error("service could not be removed", "check", checkID, "error", err)
		case removed != "":
			l.config.Logger.Warn("service removed: critical for too long", "service", removed)
		}
	})
}
