package announce

import (
	"sync"
	"time"
)

// Standing says how an announcement stands.
type Standing string

// The standings of an announcement.
const (
	// Withdrawn: nothing is announced, not yet or not any more.
	Withdrawn Standing = "withdrawn"
	// Registering: Announce is under way.
	Registering Standing = "registering"
	// Registered: the registry held the registration when it last answered.
	Registered Standing = "registered"
	// Lost: the registry holds something else under the id, or nothing. It
	// stays so while another living process has the id.
	Lost Standing = "lost"
	// Healing: it is being put back.
	Healing Standing = "healing"
	// Leaving: Withdraw is under way, or failed and should be called again.
	Leaving Standing = "leaving"
)

// standings are all of them, in the order of a life.
var standings = []Standing{Withdrawn, Registering, Registered, Lost, Healing, Leaving}

// Standings yields every standing, in the order of a life.
func Standings(yield func(Standing) bool) {
	for _, s := range standings {
		if !yield(s) {
			return
		}
	}
}

// Detail is how one announcement stands, for a health endpoint or a log: its
// JSON reads well.
type Detail struct {
	ID       string    `json:"id"`
	Service  string    `json:"service"`
	Standing Standing  `json:"standing"`
	Since    time.Time `json:"since"` // when it came to stand so
	Healed   uint64    `json:"healed"`
	// Trouble is what is wrong at present, such as a registry that does not
	// answer; empty while all is well.
	Trouble string `json:"trouble,omitempty"`
}

// stand is how an announcement stands and who is told when that changes.
type stand struct {
	turn sync.Mutex // held while the hook runs, so that it hears all in order
	hook func(before, now Standing, cause error)

	mu      sync.Mutex
	now     Standing
	since   time.Time
	trouble error
}

// become changes the standing and tells it. Whatever a keeper that has not ended
// yet finds out, what is leaving goes on to leave.
func (s *stand) become(now Standing, cause error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	before := s.now
	if before == now || before == Leaving && now != Withdrawn && now != Registering {
		s.mu.Unlock()
		return
	}
	s.now, s.since, s.trouble = now, time.Now(), cause
	s.mu.Unlock()
	if s.hook != nil {
		s.hook(before, now, cause)
	}
}

// suffer notes what is wrong, or with nil that nothing is.
func (s *stand) suffer(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = cause
}

func (s *stand) get() (now Standing, since time.Time, trouble error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.since, s.trouble
}
