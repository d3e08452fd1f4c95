package local

import (
	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// Try makes a change of config entries, whole or not at all, and lets what is
// announced follow it at the same moment: proxies and gateways are shown, here
// and in the catalog, as those entries set them up.
func (l *Local) Try(change func(*state.Writer) error) error {
	return l.store.Try(func(w *state.Writer) error {
		if err := change(w); err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.follow(w)
	})
}

// follow sets up all proxies anew within a change; the caller holds the mutex.
// What somebody else took out of the catalog comes back with Restore.
func (l *Local) follow(w *state.Writer) error {
	next := map[*service]*state.Service{}
	for _, s := range l.services {
		proxy := l.setUp(w, s.definition, s.registered)
		if proxy.Equal(s.definition.Proxy) {
			continue
		}
		changed := *s.definition
		changed.Proxy = proxy
		if w.Service(changed.Node, changed.ID) != nil {
			if err := w.PutService(changed); err != nil {
				return err
			}
		}
		next[s] = &changed
	}
	for s, changed := range next {
		s.definition = changed
		close(s.changed)
		s.changed = make(chan struct{})
	}
	if len(next) > 0 {
		l.tell()
	}
	return nil
}

// setUp returns how the proxy of a service is set up that was announced so, nil
// for a service that is none.
func (l *Local) setUp(w *state.Writer, svc *state.Service, announced *mesh.Proxy) *mesh.Proxy {
	if announced == nil {
		announced = mesh.Plain
	}
	if l.config.ProxiesAsRegistered {
		return announced
	}
	return announced.Configured(svc.Kind, svc.Service, w)
}
