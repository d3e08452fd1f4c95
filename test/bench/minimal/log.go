package main

import (
	"os"
	"sync"
)

// log keeps what it is given in a file, and syncs once for all who wait: the
// least that a registry on disk could do.
type log struct {
	file *os.File

	mu      sync.Mutex // of the fields below
	waiting *group
	turn    sync.Mutex // held by the group that writes
}

// group is those who wait for the same sync.
type group struct {
	data []byte
	done chan struct{}
	err  error
}

// keep returns when data is safe.
func (l *log) keep(data []byte) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	g := l.waiting
	leads := g == nil
	if leads {
		g = &group{done: make(chan struct{})}
		l.waiting = g
	}
	g.data = append(g.data, data...)
	l.mu.Unlock()
	if !leads {
		<-g.done
		return g.err
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	l.mu.Lock()
	l.waiting = nil // who comes now is of the next group
	l.mu.Unlock()
	if _, g.err = l.file.Write(g.data); g.err == nil {
		g.err = l.file.Sync()
	}
	close(g.done)
	return g.err
}
