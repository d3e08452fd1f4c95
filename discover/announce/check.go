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

// HealthCheck is how a registry learns whether an instance is well: by one of
// HTTP, GRPC, TCP and TTL, or not at all if Unchecked. With none set, a
// [Registrar] uses a TTL of 15 s, so that a killed process is found out;
// [Registry.Register] adds no check.
//
// In HTTP, GRPC and TCP a Registrar fills in a missing host, or host and port:
// "/path", ":port/path", ":/service", ":".
type HealthCheck struct {
	HTTP    string // URL that answers 2xx while the instance is well
	GRPC    string // host:port of gRPC's health service, or host:port/service
	GRPCTLS bool   // GRPC over TLS
	TCP     string // host:port that takes connections while the instance is well
	// TTL is how long a report counts, at least 100 ms; then the instance is
	// critical. A Registrar reports three times in it: what RegistrarConfig.Health
	// says, or that the process lives.
	TTL       time.Duration
	Unchecked bool // no check; passing until deregistered, even if killed

	// Over TLS the registry must trust the certificate, for the host that it
	// connects to or for TLSServerName. With TLSSkipVerify it takes any.
	TLSServerName string
	TLSSkipVerify bool

	// Interval is the time between two checks; 0 means 15 s, and both registries
	// take a second at least. With a TTL it is the time between two calls of
	// Health; 0 means a third of the TTL, the most.
	Interval        time.Duration
	Timeout         time.Duration   // of one check, 0 means 10 s; with a TTL of one call of Health, 0 means a third of it
	DeregisterAfter time.Duration   // removes an instance critical for this long; 0 means never; Consul takes a minute at least
	Status          discover.Status // until the first result; empty means passing
}

// DefaultCheckInterval is what an Interval of 0 means.
const DefaultCheckInterval = 15 * time.Second

// defaultTTL is that of a registration that names no check.
const defaultTTL = 15 * time.Second

// leastTTL is the shortest TTL there may be: heartbeats are not to be a burden to
// all.
const leastTTL = 100 * time.Millisecond

// leastInterval is the shortest interval there may be: less is a mistake, as a
// number without a unit is.
const leastInterval = 10 * time.Millisecond

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

// Kind returns which of the five is set, such as "HTTP"; "" if none is.
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
	case (c.TLSServerName != "" || c.TLSSkipVerify) && !c.GRPCTLS && !strings.HasPrefix(c.HTTP, "https:"):
		return fmt.Errorf("%w check: TLSServerName and TLSSkipVerify are for https and GRPCTLS", discover.ErrInvalid)
	case c.TLSServerName != "" && c.TLSSkipVerify:
		return fmt.Errorf("%w check: with TLSSkipVerify nobody looks at TLSServerName", discover.ErrInvalid)
	case c.TTL != 0 && c.TTL < leastTTL:
		return fmt.Errorf("%w TTL %s of a check: want at least %s", discover.ErrInvalid, c.TTL, leastTTL)
	case c.Interval != 0 && c.Interval < leastInterval:
		return fmt.Errorf("%w interval %s of a check: want at least %s, as in 15 * time.Second", discover.ErrInvalid, c.Interval, leastInterval)
	}
	grpcAddress, _, _ := strings.Cut(c.GRPC, "/")
	return cmp.Or(valid.Text("server name of a check", c.TLSServerName), validCheckURL(c.HTTP), validTarget("GRPC", grpcAddress, c.GRPC), validTarget("TCP", c.TCP, c.TCP))
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

// target returns the host:port that the registry connects to for c; empty when it
// connects to none.
func (c HealthCheck) target() string {
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
