package announce

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/realjf/muster/discover"
)

// fillIn completes what is asked by what the listener and the registry know: where
// others reach the instance, and with that what a check looks at.
func (r *Registrar) fillIn(ctx context.Context) error {
	address, port, check := r.asked.Address, r.asked.Port, r.asked.Check
	if tcp, is := r.listening.(*net.TCPAddr); is && port == 0 {
		port = tcp.Port
		if _, is := r.registry.(locator); is && address == "" {
			var err error
			if address, _, err = AddressFor(ctx, r.registry, tcp); err != nil {
				return err
			}
		}
	}
	for _, target := range []struct {
		of     *string
		scheme string
		opens  string // what a target begins with that leaves something out
	}{{&check.HTTP, "http://", "/:"}, {&check.GRPC, "", ":"}, {&check.TCP, "", ":"}} {
		if *target.of == "" || !strings.ContainsAny((*target.of)[:1], target.opens) {
			continue
		}
		if address == "" {
			return fmt.Errorf("%w check %q: it leaves out the host, and the instance has no Address", discover.ErrInvalid, *target.of)
		}
		*target.of = target.scheme + complete(*target.of, address, port)
	}
	// Whoever asks how the instance stands reads what else a registration has.
	r.registration.Address, r.registration.Port, r.registration.Check = address, port, check
	return nil
}

// complete returns a target with the instance's host, and with its port where it
// has none: of "/path", ":/path", ":80/path" and ":".
func complete(target, host string, port int) string {
	authority, path, hasPath := strings.Cut(target, "/")
	if hasPath {
		path = "/" + path
	}
	own := strings.TrimPrefix(authority, ":")
	if own == "" {
		own = strconv.Itoa(port)
	}
	return net.JoinHostPort(host, own) + path
}
