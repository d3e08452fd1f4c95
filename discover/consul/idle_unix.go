//go:build unix

package consul

import "syscall"

// look reads what is there already, and waits for nothing: sockets of package net
// do not block.
func look(conn syscall.Conn, into []byte) (quiet, known bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, true
	}
	var read error
	err = raw.Read(func(fd uintptr) bool {
		_, read = syscall.Read(int(fd), into)
		return true // or it would be called again when something comes
	})
	return err == nil && read == syscall.EAGAIN, true
}
