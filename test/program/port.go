package program

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports below those that systems give to outgoing connections (Linux starts
// at 32768), so that a port found free stays free while a program is
// restarted on it, whatever load runs beside.
const (
	firstPort = 20000
	lastPort  = 32000
)

// ports hands each port out once. It starts anywhere, so that two test
// processes at work side by side rarely want the same one.
var ports = struct {
	mu   sync.Mutex
	next int
}{next: firstPort + rand.IntN(lastPort-firstPort)}

// FreePort returns a port that nothing listens on, on any address, over TCP or
// UDP. One process gets a port once (until it has asked for all of them).
// Programs that can listen on port 0 should do that instead.
func FreePort() (int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range lastPort - firstPort {
		port := ports.next
		if ports.next++; ports.next == lastPort {
			ports.next = firstPort
		}
		free, err := isFree(port)
		if err != nil {
			return 0, fmt.Errorf("free port %d: %w", port, err)
		}
		if free {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d", firstPort, lastPort-1)
}

// isFree listens on a port for a moment.
func isFree(port int) (bool, error) {
	address := ":" + strconv.Itoa(port)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false, nil
	}
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return false, listener.Close()
	}
	return true, errors.Join(listener.Close(), packets.Close())
}
