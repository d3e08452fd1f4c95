package announce

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/valid"
)

// HealthCheck is how a registry finds out whether an instance is well: it
// looks by itself at HTTP, GRPC or TCP, or it is told, within each TTL. At most
// one kind may be named.
//
// Where none is named, a [Registry] has no check, and takes the instance for
// passing until it is deregistered. A registrar does not leave it at that: it
// names a TTL of [DefaultTTL], so that a process that was killed is found out.
type HealthCheck struct {
	// HTTP is the http or https URL that answers 2xx while the instance is
	// well. A [Registrar] completes "/path" and ":port/path" by what they lack of
	// the instance's own address.
	HTTP string
	// GRPC is the "host:port" of a server with gRPC's health service, or
	// "host:port/service" for one of its services. Of host and port those that are
	// left out, as in ":" and ":/service", are the instance's own.
	GRPC string
	// GRPCTLS asks GRPC over TLS. The registry has to trust the certificate.
	GRPCTLS bool
	// TCP is the "host:port" that takes connections while the instance is
	// well. ":" is the instance's own.
	TCP string
	// TTL is how long the registry believes what it was told last; after it
	// the instance is critical. A registrar tells three times as often:
	// whether its health function is content, or else that the process lives.
	TTL time.Duration
	// Unchecked says that no check is wanted: the instance stays passing
	// until it is deregistered, even after its process was killed.
	Unchecked bool

	// Interval is the time between two looks. A shorter one sees a dead
	// instance sooner and costs the instance more requests. 0 means 15 s, and less
	// than LeastInterval is refused; both registries look once a second at most. With
	// a TTL it is the time between two calls of the health function, where
	// that should be less than between two heartbeats.
	Interval time.Duration
	// Timeout is how long one look may take; 0 means the registry's own
	// default, 10 s. With a TTL it is how long the health function may take,
	// and 0 means a third of the TTL.
	Timeout time.Duration
	// DeregisterAfter removes an instance that was critical for this long.
	// Consul raises anything below a minute to a minute; muster's agent does
	// not. 0 means never.
	DeregisterAfter time.Duration

	// Status is what the instance counts as before the first result. Empty
	// means passing.
	Status discover.Status
}

// What a HealthCheck means that does not say how often.
const (
	DefaultCheckInterval = 15 * time.Second
	DefaultTTL           = 15 * time.Second
)

// LeastTTL is the shortest TTL there may be: heartbeats are not to be a burden to
// all.
const LeastTTL = 100 * time.Millisecond

// LeastInterval is the shortest interval there may be: less is a mistake, as a
// number without a unit is.
const LeastInterval = 10 * time.Millisecond

// kinds names those that c asks for.
func (c HealthCheck) kinds() []string {
	var names []string
	for _, kind := range []struct {
		name  string
		named bool
	}{
		{"HTTP", c.HTTP != ""}, {"GRPC", c.GRPC != ""}, {"TCP", c.TCP != ""}, {"TTL", c.TTL != 0}, {"Unchecked", c.Unchecked},
	} {
		if kind.named {
			names = append(names, kind.name)
		}
	}
	return names
}

// Kind returns which of them c names; empty when it names none.
func (c HealthCheck) Kind() string {
	if kinds := c.kinds(); len(kinds) > 0 {
		return kinds[0]
	}
	return ""
}

func (c HealthCheck) validate() error {
	if c.Interval < 0 || c.Timeout < 0 || c.DeregisterAfter < 0 {
		return fmt.Errorf("%w check: its interval, timeout and time to deregister must not be negative", discover.ErrInvalid)
	}
	if !slices.Contains([]discover.Status{"", discover.Passing, discover.Warning, discover.Critical}, c.Status) {
		return fmt.Errorf("%w status %q of a check: want %q, %q or %q", discover.ErrInvalid, c.Status, discover.Passing, discover.Warning, discover.Critical)
	}
	kinds := c.kinds()
	switch {
	case len(kinds) > 1:
		return fmt.Errorf("%w check: it names %s: want one of them", discover.ErrInvalid, strings.Join(kinds, " and "))
	case len(kinds) == 0 && c != (HealthCheck{}):
		return fmt.Errorf("%w check: it names no kind: want HTTP, GRPC, TCP or TTL", discover.ErrInvalid)
	case c.Unchecked && c != (HealthCheck{Unchecked: true}):
		return fmt.Errorf("%w check: it says how to look, and not to", discover.ErrInvalid)
	case c.GRPCTLS && c.GRPC == "":
		return fmt.Errorf("%w check: GRPCTLS is for GRPC", discover.ErrInvalid)
	case c.TTL != 0 && c.TTL < LeastTTL:
		return fmt.Errorf("%w TTL %s of a check: want at least %s", discover.ErrInvalid, c.TTL, LeastTTL)
	case c.Interval != 0 && c.Interval < LeastInterval:
		return fmt.Errorf("%w interval %s of a check: want at least %s, as in 15 * time.Second", discover.ErrInvalid, c.Interval, LeastInterval)
	}
	grpcAddress, _, _ := strings.Cut(c.GRPC, "/")
	return cmp.Or(validCheckURL(c.HTTP), validTarget("GRPC", grpcAddress, c.GRPC), validTarget("TCP", c.TCP, c.TCP))
}

func validCheckURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("%w check URL: %w", discover.ErrInvalid, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%w check URL %q: want http://host:port/path", discover.ErrInvalid, text)
	}
	if port := u.Port(); port != "" && !isPort(port) {
		return fmt.Errorf("%w check URL %q: want a port of 1 to 65535", discover.ErrInvalid, text)
	}
	return nil
}

// isPort reports whether text is the number of a port that one can connect to.
func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// validTarget refuses an address that cannot be dialled, and names the text
// that it stands in.
func validTarget(kind, address, text string) error {
	if text == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("%w %s check %q: want host:port", discover.ErrInvalid, kind, text)
	}
	if !isPort(port) {
		return fmt.Errorf("%w %s check %q: want a port of 1 to 65535", discover.ErrInvalid, kind, text)
	}
	return valid.Text(kind+" check", text)
}

// Target returns the host:port that the registry connects to for c; empty when it
// connects to none.
func (c HealthCheck) Target() string {
	switch {
	case c.TCP != "":
		return c.TCP
	case c.GRPC != "":
		address, _, _ := strings.Cut(c.GRPC, "/")
		return address
	}
	u, err := url.Parse(c.HTTP)
	if err != nil || u.Host == "" {
		return ""
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return net.JoinHostPort(u.Hostname(), port)
}
