// Package kitdiscover brings discover to programs made with go-kit.
//
//   - An [Instancer] is go-kit's sd.Instancer: it stands where a program has one
//     of go-kit's sd/consul, before sd.NewEndpointer.
//   - A [Balancer] is go-kit's lb.Balancer, over the policies of balance. It takes
//     the place of sd.NewEndpointer and lb.NewRoundRobin together, and goes into
//     lb.Retry as those do.
//   - A [Registrar] is go-kit's sd.Registrar.
//
// What go-kit expects of each holds. What differs from sd/consul is meant: a
// registry that is out of reach leaves the last list as it is rather than
// sending an error; a channel that nobody reads holds up nobody else; an end
// ends the question under way and waits for it; a registration is kept true.
//
// The package refuses to list instances that are not healthy, as sd/consul
// does with passingOnly false; with [discover.Query.Warning] those that are
// warning count as healthy. It leaves out those that have no port. It makes no requests itself: what an endpoint is,
// the program's sd.Factory says.
package kitdiscover

import (
	"context"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// Watch is what instances are known from: a [discover.Watcher], or one who
// follows a watch of a [discover.Cache]. Whoever takes it closes it.
type Watch interface {
	balance.Feed
	// Tried returns the latest answer, or after a first attempt that failed
	// why there is none.
	Tried(ctx context.Context) (discover.Snapshot, error)
	// Close says that the watch is not needed any more.
	Close() error
}

// dialable is a watch of the instances that have a port.
type dialable struct{ Watch }

// First implements [balance.Feed].
func (d dialable) First(ctx context.Context) (discover.Snapshot, error) {
	s, err := d.Watch.First(ctx)
	return balance.Dialable(s), err
}

// Snapshot implements [balance.Feed].
func (d dialable) Snapshot() (discover.Snapshot, bool) {
	s, answered := d.Watch.Snapshot()
	return balance.Dialable(s), answered
}

func hasPort(i discover.Instance) bool { return i.Port > 0 }

var (
	_ Watch = (*discover.Watcher)(nil)
	_ Watch = (*discover.Follower)(nil)
)
