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

// Registration is what an instance asks a registry to know about it.
type Registration struct {
	ID      string            // unique in the registry; required
	Service string            // the service's name; required
	Address string            // host name or IP address, without a port, where to reach the instance; empty means the address of the registry's node
	Port    int               // 0 when the service has no port; with [Run] that of the listener, and then an empty Address is the one that others reach it by, as [AddressFor] says
	Tags    []string          // may be nil
	Meta    map[string]string // may be nil; see [Registration.Validate] for its limits
	// Locality is where the instance runs; the zero value means where its node
	// does. Its meta "zone" says the same to who does not know localities.
	Locality discover.Locality
	Weights  discover.Weights // the zero value means the registry's default, 1 and 1
	Check    HealthCheck      // how its health is found out
}

// Registry is a place where instances are announced: what a registrar
// needs of one. Implementations are safe for concurrent use, return within a
// second of ctx ending, and give up by themselves on a registry that hangs.
type Registry interface {
	// Register makes the registry know r, in place of what it knew under
	// r.ID, and vouches for it: it is passing until a check says otherwise.
	Register(ctx context.Context, r Registration) error
	// Deregister makes the registry forget id. It is no error if the
	// registry does not know it.
	Deregister(ctx context.Context, id string) error
	// Await blocks while the registry's definition of id has the given hash,
	// or until the registry's own wait time has passed, and returns the hash
	// that it has then. With hash "" it answers at once. Re-registering the
	// same definition does not change its hash, nor does its health. The
	// error wraps ErrNotRegistered when the registry does not know id.
	Await(ctx context.Context, id, hash string) (string, error)
}

// Reporter is a [Registry] that can be told how an instance fares, as checks
// with a TTL want it.
type Reporter interface {
	// Report tells the status, which is passing, warning or critical, of the
	// TTL check that id was registered with, and why. The error wraps
	// ErrNotRegistered when the registry does not know that check.
	Report(ctx context.Context, id string, status discover.Status, text string) error
}

// Inspector is a [Registry] that tells what it holds, so that a registrar can
// see who has an id, and how the checks find it.
type Inspector interface {
	// Inspect returns the instance that is registered under id. Its node and
	// reason are empty where no check says them; its address is empty when it
	// is the node's. The error wraps ErrNotRegistered when there is none.
	Inspect(ctx context.Context, id string) (discover.Instance, error)
}

// Examiner is a [Registry] that tells whether it still looks at an instance, so
// that a registrar notices when it lost the check and nothing else.
type Examiner interface {
	// Examine returns nil if the registry has the check that id was registered
	// with. The error wraps ErrNotRegistered when it does not.
	Examine(ctx context.Context, id string) error
}

// Maintainer is a [Registry] that can have an instance pause: it stays
// registered, and nobody is sent to it.
type Maintainer interface {
	// Maintain puts id into maintenance, with the reason why. It lasts until id
	// is registered anew or deregistered. The error wraps ErrNotRegistered when
	// the registry does not know id.
	Maintain(ctx context.Context, id, reason string) error
}

// Locator is a [Registry] that knows where it is, and where its agent is, which is
// next to those who register there.
type Locator interface {
	// Route returns the local address from which packets to the registry leave,
	// which is loopback when it is on this machine. It may block while a name is
	// looked up.
	Route(ctx context.Context) (netip.Addr, error)
	// AgentAddress returns the address under which the agent is known to others.
	// It blocks for one request.
	AgentAddress(ctx context.Context) (netip.Addr, error)
}

// Validate returns an error that wraps ErrInvalid if no registry could take
// r. The limits of Meta are Consul's: 64 pairs, of which a registrar takes one for
// itself; keys of letters, digits, - and _, at most 128 bytes long and not beginning
// with "consul-"; values of at most 512 bytes.
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
