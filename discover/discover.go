// Package discover finds and watches the healthy instances of services in a
// registry: a Consul cluster or muster's own agent.
//
// A [Source] answers a [Query] with a [Snapshot], which lists each [Instance]
// of a service. Package discover/consul has the Source for Consul's HTTP API;
// [Fixed] is one for tests and fallbacks. A [Watcher] keeps the latest good
// answer to one query, and a [Cache] shares watchers among all who ask. Package
// discover/announce registers instances; the other packages below choose and
// call them.
//
// A list never becomes empty because the registry is out of reach, and no error
// is hidden. Each Close may be called more than once, and leaves no goroutine
// behind. The package itself speaks to no registry, chooses no instance and
// calls none.
package discover

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/realjf/muster/internal/valid"
)

// Errors to test for with [errors.Is]. The error that wraps one says why.
var (
	ErrUnavailable = errors.New("registry unavailable") // no answer yet, or none to this request
	// ErrRefused: the registry will not answer, because of the datacenter,
	// filter, token or path. It wraps ErrUnavailable; watches go on asking.
	ErrRefused error = refused{}
	ErrClosed        = errors.New("discovery is closed") // the Watcher or Cache is
	ErrInvalid       = valid.ErrInvalid                  // no registry could take the query or registration; nothing was sent
)

// refused is the type of [ErrRefused].
type refused struct{}

func (refused) Error() string { return "the registry refuses the question" }

func (refused) Unwrap() error { return ErrUnavailable }

// Status is the health of an instance: the worst of the checks of its service
// and its node. Without checks it is passing.
type Status string

// The statuses, from best to worst.
const (
	Passing     Status = "passing"
	Warning     Status = "warning"
	Critical    Status = "critical"
	Maintenance Status = "maintenance"
)

// Weights is how much traffic an instance asks for, by its status, relative to
// the others of its service. Consul's default is 1 and 1, the least 1 and 0.
type Weights struct {
	Passing int
	Warning int
}

// Instance is one running copy of a service. It encodes to JSON under Consul's
// field names.
type Instance struct {
	ID         string            // unique on its node
	Service    string            // the service's name
	Address    string            // host name, IPv4 or IPv6; the node's if the service has none
	Port       int               // 0 if the service has none
	Tags       []string          // never nil, in the order registered
	Meta       map[string]string // never nil
	Weights    Weights
	Datacenter string
	Node       string
	Status     Status
	Locality   Locality `json:"-"` // of the instance, or else of its node
	Reason     string   `json:"-"` // the failing checks, each as "check name: output"; empty when passing
}

// Locality is where an instance runs, such as region "eu" and zone "eu-1".
type Locality struct {
	Region string
	Zone   string
}

// Zone returns the meta "zone", or else Locality.Zone.
func (i Instance) Zone() string { return cmp.Or(i.Meta["zone"], i.Locality.Zone) }

// Weight returns Weights.Warning while the instance is warning, otherwise
// Weights.Passing.
func (i Instance) Weight() int {
	if i.Status == Warning {
		return i.Weights.Warning
	}
	return i.Weights.Passing
}

// HostPort returns the address and port as net.Dial takes them.
func (i Instance) HostPort() string {
	return net.JoinHostPort(i.Address, strconv.Itoa(i.Port))
}

// same reports whether nothing of two instances differs. TestSame knows when a
// field is forgotten here.
func (i Instance) same(as Instance) bool {
	return i.ID == as.ID && i.Service == as.Service && i.Address == as.Address && i.Port == as.Port &&
		i.Weights == as.Weights && i.Datacenter == as.Datacenter && i.Node == as.Node && i.Status == as.Status &&
		i.Locality == as.Locality && i.Reason == as.Reason && slices.Equal(i.Tags, as.Tags) && maps.Equal(i.Meta, as.Meta)
}

// Source answers queries. Implementations are safe for concurrent use.
type Source interface {
	// Next answers q. With after 0 it answers at once; otherwise it blocks
	// until the answer's index may differ from after, or its own wait time has
	// passed. An index below after means that the registry started anew: use
	// the answer. Next returns within a second after ctx ends, with ctx's
	// error. Other errors wrap ErrInvalid or ErrRefused where these apply. The
	// snapshot has Confirmed set; its Err is nil, or wraps ErrUnlooked or
	// ErrElsewhere.
	Next(ctx context.Context, q Query, after uint64) (Snapshot, error)
}

// What a [Source] may say about an answer, in the Err of its snapshot.
var (
	ErrUnlooked  = errors.New("the registry was away and has not looked at all instances yet; their health is what it was before")
	ErrElsewhere = errors.New("not every datacenter to fail over to could be asked") // and no instance is healthy where one could
)

// opener is a [Source] that serves one caller who asks repeatedly better than
// many.
type opener interface {
	// Open does not block. The caller closes what it returns, and not during
	// Next.
	Open() interface {
		Source
		io.Closer
	}
}

// reacher is a [Source] that tells when it can be reached, so that a [Watcher]
// whose queries did not arrive asks again soon.
type reacher interface {
	// Reach blocks until the source can be reached, and then for a random time,
	// so that concurrent callers spread out. It returns ctx's error soon after
	// ctx ends, and another one if it cannot tell.
	Reach(ctx context.Context) error
}
