package program

import (
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

// FreePort returns a TCP port that nothing listens on, on any address. One
// process gets a port once (until it has asked for all of them). Programs that
// can listen on port 0 should do that instead.
func FreePort() (int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range lastPort - firstPort {
		port := ports.next
		if ports.next++; ports.next == lastPort {
			ports.next = firstPort
		}
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("free port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port from %d to %d", firstPort, lastPort-1)
}
