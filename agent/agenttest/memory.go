package agenttest

import "net"

// inMemory is what a registry is called that listens nowhere: nobody can reach
// it by this name (RFC 2606, section 2).
const inMemory = "registry.invalid:8500"

// memory is the address of the registry's side.
type memory struct{}

func (memory) Network() string { return "memory" }
func (memory) String() string  { return inMemory }

// pipe returns the two ends of a connection in memory. Who comes by one comes
// from this machine, as by loopback.
func pipe() (client, server net.Conn) {
	here, there := net.Pipe()
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	return &end{here, from, memory{}}, &end{there, memory{}, from}
}

// end is one of them, with addresses.
type end struct {
	net.Conn
	local, remote net.Addr
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }
