package state

import (
	"fmt"
	"time"
)

// lockDelay keeps a key from being locked for a while, because the session
// that held it was ended from outside: its holder may not know yet.
// https://developer.hashicorp.com/consul/docs/dynamic-app-config/sessions
type lockDelay struct {
	Key   string
	Until time.Time
}

// savedAs implements savedAs.
func (d *lockDelay) savedAs() any {
	return &struct {
		Key   *rawText
		Until *time.Time
	}{(*rawText)(&d.Key), &d.Until}
}

// ends returns when the delay is over, in an order of texts.
func (d *lockDelay) ends() string { return exact(fmt.Sprintf("%020d", d.Until.UnixNano())) }

// delay keeps a key from being locked for d.
func (w *Writer) delay(key string, d time.Duration) {
	now := time.Now()
	for over := w.lockDelays.first(delaysByEnd); over != nil && !over.Until.After(now); over = w.lockDelays.first(delaysByEnd) {
		w.lockDelays.remove(over)
	}
	w.lockDelays.put(&lockDelay{key, now.Add(d)})
}

// LockDelay returns how long the key may not be locked yet; 0 when it may.
func (s *Store) LockDelay(key string) time.Duration {
	d := s.now.Load().lockDelays.get(key)
	if d == nil {
		return 0
	}
	return max(0, time.Until(d.Until))
}
