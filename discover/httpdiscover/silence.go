package httpdiscover

import (
	"sync"
	"time"
)

// silence is since when an instance that is asked has answered nothing at all, to
// nobody. One that hangs keeps its connections and takes new ones, so that there
// is no other sign of it. Attempts from before its last answer are none: these are
// slow, or held on purpose, and the instance lives. Its methods may be called
// concurrently.
type silence struct {
	mu      sync.Mutex
	heard   time.Time // when it answered last
	answers uint64    // how many there were: the era that an attempt begins in
	owed    int       // attempts of this era that wait, or have waited for as long as one may
	since   time.Time // when the first of them began; zero while there is none
	sure    time.Time // when there were enough of them
	until   time.Time // when it is asked again; zero while it is not held to be silent
}

const (
	// enough attempts must wait for an instance to be passed over: one may be a long
	// poll, or slow by itself.
	enough = 2
	// longestSilence bounds for how long an instance is not asked.
	longestSilence = 30 * time.Second
)

// asked notes that an attempt begins, which ends with one of the other three, and
// returns the era that this is told with.
func (s *silence) asked(now time.Time) (era uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = now
	}
	if s.owed++; s.owed == enough {
		s.sure = now
	}
	return s.answers
}

// answered notes that an attempt was answered, well or not.
func (s *silence) answered(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	s.heard, s.owed, s.since, s.until = now, 0, time.Time{}, time.Time{}
}

// unanswered notes that an attempt has waited for as long as one may. If nobody
// was answered meanwhile the instance is left alone for as long again as it has
// been silent.
func (s *silence) unanswered(now time.Time, era uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if era == s.answers {
		s.rest(now)
	}
}

// dropped notes that an attempt ended otherwise, which says nothing.
func (s *silence) dropped(era uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if era != s.answers {
		return
	}
	if s.owed--; s.owed == 0 && s.until.IsZero() {
		s.since = time.Time{}
	}
}

// rest leaves the instance alone for as long again as it has been silent.
func (s *silence) rest(now time.Time) { s.until = now.Add(min(now.Sub(s.since), longestSilence)) }

// broken reports whether anything was answered since then.
func (s *silence) broken(then time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.After(then)
}

// look reports whether the instance is silent: enough attempts have waited for longer
// than patience, or one for as long as one may, and nobody was answered since. It is due
// when somebody should find out whether it still is. That is the caller, if it can:
// nobody else is told so before it was left alone for as long again.
func (s *silence) look(now time.Time, patience time.Duration, can bool) (silent, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.until.IsZero() && (s.owed < enough || now.Sub(s.sure) <= patience):
		return false, false
	case s.until.IsZero():
		s.rest(now)
	case can && !now.Before(s.until):
		s.rest(now)
		return true, true
	}
	return true, false
}
