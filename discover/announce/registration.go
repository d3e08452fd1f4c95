package announce

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/valid"
)

// Registration is what an instance says of itself. If Port is 0, [Run] takes
// the listener's port and, if Address is empty too, the address of
// [AddressFor].
type Registration struct {
	ID       string            // unique in the registry; required
	Service  string            // the service's name; required
	Address  string            // host name or IP address; empty means that of the registry's node
	Port     int               // 0 means none
	Tags     []string          // may be nil
	Meta     map[string]string // may be nil; Validate has its limits
	Locality discover.Locality // zero means the node's; see discover.Instance.Zone
	Weights  discover.Weights  // zero means the registry's default, 1 and 1
	Check    HealthCheck       // how its health is found out
}

// Registry is where instances are announced. Implementations are safe for
// concurrent use, return within a second of ctx ending, and give up by
// themselves on a registry that hangs.
//
// Some features need more methods of consul.Client: Report (TTL), Inspect
// (ErrTaken, Verdict), Examine (lost checks), Maintain (maintenance), Route and
// AgentAddress ([AddressFor]).
type Registry interface {
	// Register makes the registry know r, in place of what it knew under r.ID.
	// The instance is passing until a check says otherwise.
	Register(ctx context.Context, r Registration) error
	// Deregister makes the registry forget id. An unknown id is no error.
	Deregister(ctx context.Context, id string) error
	// Await returns the hash of what is registered under id once that differs
	// from hash, or its own wait time has passed; with hash "" at once. Neither
	// health nor registering the same again changes it. The error wraps
	// ErrNotRegistered when id is unknown.
	Await(ctx context.Context, id, hash string) (string, error)
}

// reporter is a [Registry] with checks of a TTL.
type reporter interface {
	// Report tells the TTL check of id a status (passing, warning or critical)
	// and why. The error wraps ErrNotRegistered when there is no such check.
	Report(ctx context.Context, id string, status discover.Status, text string) error
}

// inspector is a [Registry] that tells who has an id, and what checks found.
type inspector interface {
	// Inspect returns the instance registered under id. Its Address is empty if
	// it is the node's, Node and Reason are where no check tells them. The
	// error wraps ErrNotRegistered when there is none.
	Inspect(ctx context.Context, id string) (discover.Instance, error)
}

// examiner is a [Registry] that tells when it lost nothing but a check.
type examiner interface {
	// Examine returns an error that wraps ErrNotRegistered if the registry does
	// not have the check that id was registered with.
	Examine(ctx context.Context, id string) error
}

// maintainer is a [Registry] with maintenance: an instance in it stays
// registered, and gets no traffic.
type maintainer interface {
	// Maintain puts id into maintenance, and says why, until id is registered
	// anew or deregistered. The error wraps ErrNotRegistered when id is
	// unknown.
	Maintain(ctx context.Context, id, reason string) error
}

// locator is a [Registry] that knows where it is.
type locator interface {
	// Route returns the local address from which packets to the registry leave:
	// loopback if it is on this machine. It may block for a name lookup.
	Route(ctx context.Context) (netip.Addr, error)
	// AgentAddress returns the address under which others know the registry's
	// agent. It blocks for one request.
	AgentAddress(ctx context.Context) (netip.Addr, error)
}

// Validate returns an error that wraps ErrInvalid if no registry could take r.
// Meta has Consul's limits: 64 pairs, of which a Registrar takes one; keys of
// up to 128 letters, digits, - and _, not beginning with "consul-"; values of
// up to 512 bytes.
func (r Registration) Validate() error {
	if err := valid.Name("service id", r.ID); err != nil {
		return err
	}
	if err := valid.Name("service name", r.Service); err != nil {
		return err
	}
	if err := validAddress(r.Address); err != nil {
		return err
	}
	if r.Port < 0 || r.Port > 65535 {
		return fmt.Errorf("%w port %d: want 0 to 65535", discover.ErrInvalid, r.Port)
	}
	for _, tag := range r.Tags {
		if err := valid.Text("tag", tag); err != nil {
			return err
		}
	}
	if err := cmp.Or(valid.Text("region", r.Locality.Region), valid.Text("zone", r.Locality.Zone)); err != nil {
		return err
	}
	if r.Locality.Zone != "" && r.Locality.Region == "" {
		return fmt.Errorf("%w locality: it has the zone %q and no region", discover.ErrInvalid, r.Locality.Zone)
	}
	if err := validMeta(r.Meta); err != nil {
		return err
	}
	if w := r.Weights; w != (discover.Weights{}) && (w.Passing < 1 || w.Warning < 0) {
		return fmt.Errorf("%w weights %d and %d: want at least 1 and 0", discover.ErrInvalid, w.Passing, w.Warning)
	}
	return r.Check.validate()
}

// validAddress refuses the unspecified addresses: they are where to listen,
// and lead no caller anywhere.
func validAddress(address string) error {
	if err := valid.Text("address", address); err != nil {
		return err
	}
	if strings.ContainsAny(address, " /") {
		return fmt.Errorf("%w address %q: want a host name or an IP address", discover.ErrInvalid, address)
	}
	ip, err := netip.ParseAddr(address)
	switch {
	case err != nil && strings.ContainsAny(address, ":[]"):
		return fmt.Errorf("%w address %q: want a host name or an IP address, without brackets, and the port in Port", discover.ErrInvalid, address)
	case err == nil && ip.IsUnspecified():
		return fmt.Errorf("%w address %q: nobody can connect to it", discover.ErrInvalid, address)
	}
	return nil
}

// Consul's limits of metadata.
const (
	mostMeta      = 64
	longestKey    = 128
	longestValue  = 512
	reservedStart = "consul-"
)

var metaKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// validMeta refuses what Consul refuses, the first in the order of keys.
func validMeta(meta map[string]string) error {
	if len(meta) > mostMeta {
		return fmt.Errorf("%w meta: it has %d pairs: want at most %d, and one less with a registrar, which adds one", discover.ErrInvalid, len(meta), mostMeta)
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		switch {
		case key == "":
			return fmt.Errorf("%w meta key: it is empty", discover.ErrInvalid)
		case !metaKey.MatchString(key):
			return fmt.Errorf("%w meta key %q: want letters a to z, digits, - and _ alone", discover.ErrInvalid, key)
		case len(key) > longestKey:
			return fmt.Errorf("%w meta key %q: it has %d bytes: want at most %d", discover.ErrInvalid, key, len(key), longestKey)
		case strings.HasPrefix(key, reservedStart):
			return fmt.Errorf("%w meta key %q: what begins with %q is the registry's own: choose another", discover.ErrInvalid, key, reservedStart)
		case len(meta[key]) > longestValue:
			return fmt.Errorf("%w meta value of %q: it has %d bytes: want at most %d", discover.ErrInvalid, key, len(meta[key]), longestValue)
		}
		if err := valid.Text("meta value", meta[key]); err != nil {
			return err
		}
	}
	return nil
}
