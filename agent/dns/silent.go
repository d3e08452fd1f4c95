package dns

import (
	"container/list"
	"net"
	"sync"
)

// silent are the connections of which a message is awaited, the one that has
// been silent longest first. It is safe for concurrent use.
type silent struct {
	more chan struct{} // has one when there are more than there were

	mu    sync.Mutex
	conns list.List
}

// add takes a connection up, until the function that it returns is called.
func (s *silent) add(conn net.Conn) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.conns.PushBack(conn)
	select {
	case s.more <- struct{}{}:
	default: // it was not taken yet
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns.Remove(one) // if it is still there
	}
}

// closeOne closes the connection that has been silent longest. It reports false
// when none is silent.
func (s *silent) closeOne() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.conns.Front()
	if one == nil {
		return false
	}
	_ = s.conns.Remove(one).(net.Conn).Close() // who reads from it sees it
	return true
}
