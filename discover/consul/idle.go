package consul

import (
	"errors"
	"net"
	"os"
	"time"
)

// glance is how long a connection is read from to see whether something is there,
// where the system cannot be asked.
const glance = time.Millisecond

// isQuiet reports whether a connection that nothing was asked on is as it was left.
// What came over it meanwhile, such as a proxy's 408 or the end, answers no
// question: such a connection is of no more use, and may have lost a byte here.
func isQuiet(conn net.Conn) bool {
	var one [1]byte
	switch conn := conn.(type) { // and not what is made of one, and may hold back what it read
	case *net.TCPConn:
		if quiet, known := look(conn, one[:]); known {
			return quiet
		}
	case *net.UnixConn:
		if quiet, known := look(conn, one[:]); known {
			return quiet
		}
	}
	if conn.SetReadDeadline(time.Now().Add(glance)) != nil {
		return false
	}
	n, err := conn.Read(one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && conn.SetReadDeadline(time.Time{}) == nil
}
