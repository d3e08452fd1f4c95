package discover

import "sync"

// silence is that of a registry which does not answer, over all watches that share
// it: it is told of when the first one gets no answer, and when all have one again,
// not once for each. Its methods may be called concurrently.
type silence struct {
	mu     sync.Mutex
	all    int // watches
	silent int // of them, that get no answer now
	most   int // of these, since it began
}

// joins notes that there is one more watch.
func (s *silence) joins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all++
}

// begins notes that one more watch gets no answer, and reports whether it is the
// first.
func (s *silence) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent++
	s.most = max(s.most, s.silent)
	return s.silent == 1
}

// ends notes that one of them got an answer. It returns how many there were at a
// time if it is the last one, and else 0.
func (s *silence) ends() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.less()
}

// leaves notes that a watch is closed, which may have got no answer. It returns how
// many there were at a time if it was the last one, and there are others; else 0.
func (s *silence) leaves(silent bool) (watches int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if silent {
		watches = s.less()
	}
	if s.all == 0 {
		return 0
	}
	return watches
}

// less is ends for who holds mu.
func (s *silence) less() (watches int) {
	if s.silent--; s.silent == 0 {
		watches, s.most = s.most, 0
	}
	return watches
}
