package httpdiscover

import (
	"sync"
	"time"
)

// silence is since when an instance that is asked has answered nothing at all, to
// nobody. One that hangs keeps its connections and takes new ones, so that there
// is no other sign of it. Its methods may be called concurrently.
type silence struct {
	mu      sync.Mutex
	waiting int       // attempts without an answer
	since   time.Time // of the last answer, or of the first attempt after it; zero while it owes none
	until   time.Time // when it is asked again; zero while no attempt was left unanswered
	heard   time.Time // when it answered last
}

// longestSilence bounds for how long an instance is not asked.
const longestSilence = 30 * time.Second

// asked notes that an attempt begins, which ends with one of the other three.
func (s *silence) asked(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = now
	}
	s.waiting++
}

// answered notes that an attempt was answered, well or not.
func (s *silence) answered(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	s.since, s.until, s.heard = time.Time{}, time.Time{}, now
	if s.waiting > 0 {
		s.since = now
	}
}

// unanswered notes that an attempt has waited for as long as one may. The
// instance is left alone for as long again as it has been silent.
func (s *silence) unanswered(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	s.until = now.Add(min(now.Sub(s.since), longestSilence))
}

// dropped notes that an attempt ended otherwise, which says nothing.
func (s *silence) dropped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	if s.waiting == 0 && s.until.IsZero() {
		s.since = time.Time{}
	}
}

// broken reports whether anything was answered since then.
func (s *silence) broken(then time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.After(then)
}

// suspicious reports whether the instance has owed an answer for longer than
// patience, or was found silent a while ago.
func (s *silence) suspicious(now time.Time, patience time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting > 0 && now.Sub(s.since) > patience || now.Before(s.until)
}

// due reports whether somebody should find out if it still is.
func (s *silence) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting == 0 && !s.until.IsZero() && !now.Before(s.until)
}
