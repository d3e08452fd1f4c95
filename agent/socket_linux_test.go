package agent

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSocketsAreClosedAtFirst: a socket with permissions is its owner's alone
// from the moment that it is there, whatever the process gives to files.
func TestSocketsAreClosedAtFirst(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "s")
	for _, tc := range []struct {
		sockets UnixSockets
		want    os.FileMode
	}{{UnixSockets{}, 0o777}, {UnixSockets{Mode: "0640"}, 0o640}} {
		l, err := tc.sockets.bind(address{"unix", path})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		first := info.Mode().Perm()
		if want := os.FileMode(0o600); tc.sockets.Mode != "" && first != want {
			t.Errorf("mode %q: it begins with %o, want %o", tc.sockets.Mode, first, want)
		}
		if err := tc.sockets.own(path); err != nil {
			t.Fatal(err)
		}
		if info, err = os.Stat(path); err != nil || info.Mode().Perm() != tc.want {
			t.Errorf("mode %q: it has %v, %v, want %o", tc.sockets.Mode, info.Mode(), err, tc.want)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, sockets := range []UnixSockets{{User: "nobody-of-that-name"}, {Group: "nobody-of-that-name"}} {
		if _, err := sockets.listen(address{"unix", path}); err == nil {
			t.Errorf("%+v: it was given to nobody", sockets)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%+v: it is left behind", sockets)
		}
	}
}
