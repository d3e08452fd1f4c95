package command

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/config"
)

// reloader reads the settings of a running registry again.
type reloader struct {
	read  func() (config.Agent, error)
	agent *agent.Agent
	log   *agentLog

	settings config.Agent // as they were at the start

	mu   sync.Mutex
	seen string // the fingerprint of the files that were read last
}

// reload reads the settings again and puts them into force, whole or not at
// all.
func (r *reloader) reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := r.read()
	r.seen = next.Read
	if err != nil {
		return err
	}
	if err := r.agent.Reconfigure(next.Registry); err != nil {
		return err
	}
	r.log.level.Set(next.Log.Level)
	warn(r.log.Logger, next.Warnings)
	if next.Log.Format != r.settings.Log.Format || next.Log.File != r.settings.Log.File || next.PIDFile != r.settings.PIDFile || next.AutoReload != r.settings.AutoReload {
		r.log.Warn("the registry must be started again for another log, another file for its process id, or another auto_reload_config")
	}
	return nil
}

// look is how often the files of settings are looked at, where they are read
// again by themselves.
const look = 5 * time.Second

// reloadAt reloads at each signal until ctx ends, and when the files change if
// the settings ask for that.
func (r *reloader) reloadAt(ctx context.Context, signals <-chan os.Signal) {
	var looks <-chan time.Time
	if r.settings.AutoReload {
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		looks = ticker.C
	}
	for {
		select {
		case <-signals:
		case <-looks:
			if !r.changed() {
				continue
			}
		case <-ctx.Done():
			return
		}
		if err := r.reload(); err != nil {
			r.log.Error("all stays as it was: the settings cannot be read again", "error", err)
		}
	}
}

// changed reports whether the files hold something else than when they were
// read last, whether that could be used or not.
func (r *reloader) changed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return config.Fingerprint(r.settings.Paths) != r.seen
}
