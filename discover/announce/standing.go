package announce

import (
	"sync"
	"time"
)

// Standing says how an announcement stands.
type Standing string

const (
	Withdrawn   Standing = "withdrawn"   // not announced, not yet or not any more
	Registering Standing = "registering" // Announce is under way
	Registered  Standing = "registered"  // the registry had it when it last answered
	Lost        Standing = "lost"        // the registry has something else under the id, or nothing
	Healing     Standing = "healing"     // it is being put back
	Leaving     Standing = "leaving"     // Withdraw is under way, or failed and should be called again
)

// standings are all of them, in the order of a life.
var standings = []Standing{Withdrawn, Registering, Registered, Lost, Healing, Leaving}

// Standings yields every [Standing], in order.
func Standings(yield func(Standing) bool) {
	for _, s := range standings {
		if !yield(s) {
			return
		}
	}
}

// Detail is how an announcement stands, for a health endpoint or a log.
type Detail struct {
	ID       string    `json:"id"`
	Service  string    `json:"service"`
	Standing Standing  `json:"standing"`
	Since    time.Time `json:"since"`             // of the standing
	Healed   uint64    `json:"healed"`            // how often the registration was put back
	Trouble  string    `json:"trouble,omitempty"` // what is wrong now; empty while all is well
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
