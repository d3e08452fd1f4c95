package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// address is one of those that the API listens on.
type address struct {
	network string // tcp or unix
	at      string // host:port, or the path of a socket
}

// doors reads addresses as [Config] has them.
func doors(text string) ([]address, error) {
	var all []address
	for _, one := range strings.Fields(text) {
		if path, ok := strings.CutPrefix(one, "unix://"); ok {
			if path == "" {
				return nil, errors.New("a socket needs a path: unix:///path")
			}
			all = append(all, address{"unix", path})
			continue
		}
		host, _, err := net.SplitHostPort(one)
		if err != nil {
			return nil, err
		}
		if _, err := netip.ParseAddr(host); err != nil {
			return nil, errors.New("the host must be an IP address")
		}
		all = append(all, address{"tcp", one})
	}
	return all, nil
}

// sockets reads the addresses that DNS listens on, which have no paths.
func sockets(text string) ([]string, error) {
	addresses, err := doors(text)
	var all []string
	for _, a := range addresses {
		if a.network == "unix" {
			return nil, errors.New("DNS needs an IP address, and has no Unix sockets")
		}
		all = append(all, a.at)
	}
	return all, err
}

// listenDNS binds addresses of DNS, one by one.
func listenDNS(addresses string, listen func(address string) error) error {
	all, err := sockets(addresses)
	if err != nil {
		return err
	}
	for _, address := range all {
		if err := listen(address); err != nil {
			return err
		}
	}
	return nil
}

// listeners are the bound doors of an agent.
type listeners []listener

// listener is one of them.
type listener struct {
	net.Listener
	scheme string
}

// DoorError is why an address cannot be listened on. Door is what is served
// there, as the configuration's "ports" and "addresses" name it: http, https,
// dns or dns_tls.
type DoorError struct {
	Door string
	err  error
}

// Error names the door, and says what the system said.
func (e *DoorError) Error() string { return "listen for " + e.Door + ": " + e.err.Error() }

// Unwrap returns what the system said.
func (e *DoorError) Unwrap() error { return e.err }

// listen binds all addresses of the API, or none; what is bound already comes
// first. Over HTTPS, https says how to speak TLS with who connects.
func listen(config Config, https *tls.Config, crowd *crowd) (bound listeners, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, bound.close())
		}
	}()
	for _, l := range config.Listeners {
		bound = append(bound, listener{counted{l, crowd}, "http"})
	}
	for _, side := range []struct {
		scheme    string
		addresses string
	}{{"http", config.HTTPAddr}, {"https", config.HTTPSAddr}} {
		addresses, err := doors(side.addresses)
		if err != nil {
			return bound, &DoorError{side.scheme, err}
		}
		for _, a := range addresses {
			l, err := config.UnixSockets.listen(a)
			if err != nil {
				return bound, &DoorError{side.scheme, err}
			}
			l = counted{l, crowd}
			if side.scheme == "https" {
				l = tls.NewListener(l, https)
			}
			bound = append(bound, listener{l, side.scheme})
		}
	}
	return bound, nil
}

func (ls listeners) close() error {
	var faults []error
	for _, l := range ls {
		faults = append(faults, l.Close())
	}
	return errors.Join(faults...)
}

func (ls listeners) urls() []string {
	urls := make([]string, len(ls))
	for i, l := range ls {
		scheme := l.scheme
		if l.Addr().Network() == "unix" {
			scheme = "unix"
		}
		urls[i] = scheme + "://" + l.Addr().String()
	}
	return urls
}

// listen binds one address. A socket is given to whom it is said to be, and until
// then nobody else can connect to it.
func (u UnixSockets) listen(a address) (net.Listener, error) {
	if a.network != "unix" {
		return net.Listen(a.network, a.at)
	}
	if err := removeDead(a.at); err != nil {
		return nil, err
	}
	l, err := u.bind(a)
	if err != nil {
		return nil, err
	}
	if err := u.own(a.at); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// bind binds a socket, which is its owner's alone where it will be given
// permissions.
func (u UnixSockets) bind(a address) (net.Listener, error) {
	var how net.ListenConfig
	if u.Mode != "" {
		how.Control = closed
	}
	return how.Listen(context.Background(), a.network, a.at)
}

// removeDead removes a socket that nobody listens on any more, which a killed
// agent leaves behind. Consul removes it whoever listens; here a living one is
// in use.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there already, and is no socket", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close() // nothing was said
		return nil       // and binding will say that it is in use
	}
	return os.Remove(path)
}

// own gives a socket its owner and its permissions.
func (u UnixSockets) own(path string) error {
	uid, err := lookup(u.User, user.Lookup, func(u *user.User) string { return u.Uid })
	if err != nil {
		return fmt.Errorf("user of sockets: %w", err)
	}
	gid, err := lookup(u.Group, user.LookupGroup, func(g *user.Group) string { return g.Gid })
	if err != nil {
		return fmt.Errorf("group of sockets: %w", err)
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	mode, err := u.mode()
	if err != nil || u.Mode == "" {
		return err
	}
	return os.Chmod(path, mode)
}

func (u UnixSockets) mode() (fs.FileMode, error) {
	if u.Mode == "" {
		return 0, nil
	}
	mode, err := strconv.ParseUint(u.Mode, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, fmt.Errorf("mode of sockets %q: want permissions in octal, like 0770", u.Mode)
	}
	return fs.FileMode(mode), nil
}

// lookup returns an id that is given as such or by name; -1 when none is given.
func lookup[T any](given string, find func(name string) (*T, error), idOf func(*T) string) (int, error) {
	if given == "" {
		return -1, nil
	}
	if id, err := strconv.Atoi(given); err == nil {
		return id, nil
	}
	found, err := find(given)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(idOf(found))
}
