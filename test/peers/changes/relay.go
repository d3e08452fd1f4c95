package main

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// relay stands between a client and a registry: it counts connections and
// requests, and can be away. Its methods may be called at once.
type relay struct {
	registry string
	address  string

	mu     sync.Mutex
	door   net.Listener // nil while it is away
	conns  map[net.Conn]struct{}
	asked  []time.Time // when which request came, in order
	failed error       // to let in

	all sync.WaitGroup // who serves
}

// openRelay opens a relay to a registry. Whoever opens it closes it.
func openRelay(registry string) (*relay, error) {
	r := &relay{registry: registry, address: "127.0.0.1:0", conns: map[net.Conn]struct{}{}}
	return r, r.open()
}

// open lets clients in, at the address where it did before.
func (r *relay) open() error {
	door, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.door, r.address = door, door.Addr().String()
	r.all.Go(func() { // ends when the door closes; close waits
		for {
			conn, err := door.Accept()
			if err != nil {
				r.shut(err)
				return
			}
			r.all.Go(func() { r.serve(conn) }) // ends when either side closes; close waits
		}
	})
	return nil
}

// close shuts the door and all connections, and waits until nobody serves. It
// may be called again.
func (r *relay) close() error {
	r.mu.Lock()
	err := r.failed
	if r.door != nil {
		err, r.door = r.door.Close(), nil
	}
	for conn := range r.conns {
		_ = conn.Close() // it is to break
	}
	r.mu.Unlock()
	r.all.Wait()
	return err
}

// shut ends letting in when that failed, such as for want of files: whoever
// waits at the door would wait for ever.
func (r *relay) shut(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.door != nil { // nobody closed it
		r.failed = errors.Join(err, r.door.Close())
		r.door = nil
	}
}

// counts returns how many connections are open, and how many requests came.
func (r *relay) counts() (open, requests int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) / 2, len(r.asked)
}

// most returns how many requests came within any time so long, from since on.
func (r *relay) most(since time.Time, within time.Duration) (most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := 0
	for n, at := range r.asked {
		for r.asked[first].Before(since) && first < n || at.Sub(r.asked[first]) >= within {
			first++
		}
		if !at.Before(since) {
			most = max(most, n-first+1)
		}
	}
	return most
}

// enter notes a pair of connections, unless the door was shut meanwhile.
func (r *relay) enter(client, registry net.Conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.door == nil {
		return errors.New("away")
	}
	r.conns[client], r.conns[registry] = struct{}{}, struct{}{}
	return nil
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	registry, err := net.Dial("tcp", r.registry)
	if err != nil {
		return
	}
	defer registry.Close()
	if r.enter(client, registry) != nil {
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() { // ends when the registry's side closes
		_, _ = io.Copy(client, registry)
		_ = client.Close()
	})
	r.ask(client, registry)
	_ = registry.Close()
	answers.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, client)
	delete(r.conns, registry)
}

// ask passes requests on until the client's side closes, and counts them: each
// ends with an empty line, for none has a body.
func (r *relay) ask(client, registry net.Conn) {
	const last = "\r\n\r\n"
	met := 0 // of last
	buffer := make([]byte, 4<<10)
	for {
		n, err := client.Read(buffer)
		ended := 0
		for _, c := range buffer[:n] {
			switch c {
			case last[met]:
				met++
			case '\r':
				met = 1
			default:
				met = 0
			}
			if met == len(last) {
				met, ended = 0, ended+1
			}
		}
		now := time.Now()
		r.mu.Lock()
		r.asked = append(r.asked, slices.Repeat([]time.Time{now}, ended)...)
		r.mu.Unlock()
		if _, failed := registry.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}
