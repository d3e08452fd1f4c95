package discover

import (
	"sync"
)

// silence is that of a registry which does not answer, over all watches that share
// it: it is told of when the first one gets no answer, and when all have one again,
// not once for each. Its methods may be called concurrently.
type silence struct {
	mu      sync.Mutex
	watches int // that get no answer now
	most    int // of them since it began
}

// begins notes that one more watch gets no answer, and reports whether it is the
// first.
func (s *silence) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches++
	s.most = max(s.most, s.watches)
	return s.watches == 1
}

// ends notes that one of them got an answer, or is closed. It returns how many
// there were at a time if it is the last one, and else 0.
func (s *silence) ends() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches--; s.watches > 0 {
		return 0
	}
	most := s.most
	s.most = 0
	return most
}
