package api

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/realjf/muster/agent/monitor"
	"github.com/realjf/muster/internal/host"
)

// What there is for those who look for a fault, and what `consul debug`
// gathers: the machine, the log, and the process's own profiles.

// agentHost tells what the machine is, and how much of it is in use.
func (a *API) agentHost(r *http.Request) (any, error) { return host.Look(r.Context()), nil }

// agentMonitor hands on what is logged from now on, at the level that was asked
// for, whatever the agent's own is. A client that does not keep up loses lines.
func (a *API) agentMonitor(r *http.Request) (any, error) {
	query := parameters(r)
	name := query.Get("loglevel")
	if name == "" {
		name = "INFO"
	}
	level, known := monitor.Level(name)
	if !known {
		return nil, badRequest("Unknown log level: " + name)
	}
	format := monitor.Text
	if query.Has("logjson") {
		format = monitor.JSON
	}
	return stream(func(ctx context.Context, send func([]byte) error) error {
		reader := a.config.Log.Read(level, format)
		defer func() {
			if lost := reader.Close(); lost > 0 {
				a.logger.Warn("a monitor was too slow", "lines_lost", lost)
			}
		}()
		if err := send(nil); err != nil {
			return err
		}
		for {
			select {
			case line := <-reader.Lines():
				for range len(reader.Lines()) { // what came meanwhile goes along
					line = append(line, <-reader.Lines()...)
				}
				if err := send(line); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			}
		}
	}), nil
}

// profiles are the paths of the profiles that Go keeps of a process.
var profiles = map[string]http.HandlerFunc{
	"/debug/pprof/":        pprof.Index,
	"/debug/pprof/cmdline": pprof.Cmdline,
	"/debug/pprof/profile": pprof.Profile,
	"/debug/pprof/symbol":  pprof.Symbol,
	"/debug/pprof/trace":   pprof.Trace,
}

// debug serves a profile where that is allowed, and says nothing elsewhere.
func (a *API) debug(path string, profile http.HandlerFunc) http.HandlerFunc {
	series := a.telemetry.Series("consul.api.http", map[string]string{"method": http.MethodGet, "path": seriesPath(path)})
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		if !a.settings.Load().EnableDebug {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		defer series.Since(time.Now())
		profile(w, r)
	}
}
