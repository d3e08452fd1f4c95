// Package discover finds and watches services in a registry, such as a Consul
// cluster or muster's own agent.
//
// The nouns come first. An [Instance] is one running copy of a service. A
// [Snapshot] is what a registry answered to a [Query] at one moment. A
// [Source] is anything that can be asked: [Fixed] always gives the answer it was
// made with, and package discover/consul asks a registry over Consul's HTTP API.
//
// Around them, machinery: a [Watcher] keeps the latest good answer to one
// question, and a [Cache] shares watchers among all who ask.
//
// Package discover/announce is the other side: it keeps true what an instance
// says of itself. The packages below choose an instance and call it.
//
// The package never empties a list because a registry is out of reach, never
// hides an error, and leaves no goroutine behind after a Close. It refuses to
// know how a registry is asked, to choose an instance, and to call one.
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

// Errors that a caller can decide on, for use with [errors.Is].
var (
	// ErrUnavailable reports that the registry has not yet given any answer, or
	// none to a request. The error that wraps it says why.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrRefused reports that the registry will not answer: it knows no such
	// datacenter, does not understand the filter, the token may not ask, or
	// there is no registry at that path. A watch asks again all the same, for that
	// may change. There being no answer, it wraps ErrUnavailable.
	ErrRefused error = refused{}
	// ErrClosed reports a call on a Watcher or Cache after its Close.
	ErrClosed = errors.New("discovery is closed")
	// ErrInvalid reports a query or registration that no registry could
	// take; nothing was sent. The error that wraps it says what is wrong.
	ErrInvalid = valid.ErrInvalid
)

// refused is the type of [ErrRefused].
type refused struct{}

func (refused) Error() string { return "the registry refuses the question" }

func (refused) Unwrap() error { return ErrUnavailable }

// Status is the health of an instance: the worst of its service's and its
// node's checks, in Consul's words. An instance without checks is passing.
type Status string

// The statuses, from best to worst.
const (
	Passing     Status = "passing"
	Warning     Status = "warning"
	Critical    Status = "critical"
	Maintenance Status = "maintenance"
)

// Weights says how much traffic an instance asks for, relative to the other
// instances of its service, by its status. Consul's default is 1 and 1; who
// registers asks for 1 at least while passing, and for 0 at least while warning.
type Weights struct {
	Passing int
	Warning int
}

// Instance is one running copy of a service. Its field names are Consul's
// own, so that it encodes to JSON as Consul users expect.
type Instance struct {
	ID         string            // unique on its node
	Service    string            // the service's name
	Address    string            // host name, IPv4 or IPv6; the node's where the service has none
	Port       int               // 0 when the service has no port
	Tags       []string          // never nil, in the order registered
	Meta       map[string]string // never nil
	Weights    Weights
	Datacenter string
	Node       string
	Status     Status

	// Locality is where the instance, or else its node, says it is.
	Locality Locality `json:"-"`

	// Reason says why the instance is not passing, as "check name: output"
	// of each failing check; it is empty when it is passing.
	Reason string `json:"-"`
}

// Locality is where an instance runs, in the words of whoever runs it, such as
// region "eu" and zone "eu-1".
type Locality struct {
	Region string
	Zone   string
}

// Zone returns the zone that the instance runs in: its meta "zone", or else that
// of its locality. It is empty when nobody said.
func (i Instance) Zone() string { return cmp.Or(i.Meta["zone"], i.Locality.Zone) }

// Weight returns how much traffic the instance asks for as it fares. One that is
// neither passing nor warning is only used where its checks are not believed.
func (i Instance) Weight() int {
	if i.Status == Warning {
		return i.Weights.Warning
	}
	return i.Weights.Passing
}

// HostPort returns the instance's address in the form that net.Dial takes.
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

// Source is a place that can be asked for the instances of a service.
// Implementations are safe for concurrent use.
type Source interface {
	// Next answers q. With after 0 it answers at once; otherwise it blocks
	// until the answer's index may differ from after, or until the source's
	// own wait time has passed. An answer whose index is below after means
	// that the source started anew: it is the answer to use. It returns
	// within a second of ctx ending, with ctx's error. The snapshot has
	// Confirmed set; its Err is nil, or wraps [ErrUnlooked], [ErrElsewhere] or
	// [ErrInterrupted].
	Next(ctx context.Context, q Query, after uint64) (Snapshot, error)
}

// What a [Source] may say of an answer, in the Err of its snapshot.
var (
	// ErrUnlooked: the registry has just come back, and says itself that the
	// health of some is what it was before.
	ErrUnlooked = errors.New("the registry was away and has not looked at all instances yet; their health is what it was before")
	// ErrElsewhere: nobody is healthy, and datacenters to fail over to could not
	// be asked.
	ErrElsewhere = errors.New("not every datacenter to fail over to could be asked")
	// ErrInterrupted: the source cannot tell whether the registry started anew
	// since the last answer, for the connection broke on which this one was
	// waited for.
	ErrInterrupted = errors.New("the connection to the registry broke while it was asked")
)

// Opener is a [Source] that answers one who asks again and again better than
// many: it remembers what it said last.
type Opener interface {
	// Open returns a source for one caller at a time, who closes it at the end.
	// It does not block.
	Open() Conversation
}

// Conversation is a [Source] for one who asks one question after the other.
// Close must not be called during a question.
type Conversation interface {
	Source
	io.Closer
}

// Reacher is a [Source] that can tell, without being asked a question, that it
// can be reached: a watch whose questions do not arrive comes back sooner then.
type Reacher interface {
	// Reach blocks until the source can be reached and then for a random time,
	// so that those who wait together come back one after the other. It may be
	// called by many at once. It returns ctx's error soon after ctx ends, and
	// another one if it cannot tell.
	Reach(ctx context.Context) error
}
