package state

import (
	"sync"
	"time"
)

// delays are the keys that may not be locked for a while, because the session
// that held them was ended from outside: its holder may not know yet. They
// are a courtesy of time and not part of any snapshot.
// https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions
type delays struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// impose delays the locking of each key.
func (d *delays) impose(keys map[string]time.Duration) {
	if len(keys) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for key, until := range d.until { // what is over makes room
		if !until.After(now) {
			delete(d.until, key)
		}
	}
	for key, delay := range keys {
		d.until[key] = now.Add(delay)
	}
}

// LockDelay returns how long the key may not be locked yet; 0 when it may.
func (s *Store) LockDelay(key string) time.Duration {
	s.delays.mu.Lock()
	defer s.delays.mu.Unlock()
	return max(0, time.Until(s.delays.until[key]))
}
