package agent

import "syscall"

// closed makes a socket that is not bound yet one that nobody but its owner can
// connect to, so that nobody else slips in before it is given its permissions:
// Linux binds it with the mode that it has.
func closed(_, _ string, c syscall.RawConn) (err error) {
	if fault := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); fault != nil {
		return fault
	}
	return err
}
