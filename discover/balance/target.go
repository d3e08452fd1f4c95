package balance

import (
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
)

// Target is an instance that can be chosen. What the registry says of it is
// immutable: when that changes there is a new target, which shares what is
// known of the calls.
type Target struct {
	discover.Instance
	load *load
}

// Start notes that a call to the target begins. Its end must be told with
// [Call.Done]. It does not allocate.
func (t *Target) Start() Call {
	t.load.running.Add(1)
	return Call{target: t, began: time.Now()}
}

// Running returns how many calls to the target are under way.
func (t *Target) Running() int { return int(t.load.running.Load()) }

// Call is one call to a target, under way.
type Call struct {
	target *Target
	began  time.Time
}

// Done notes that the call has ended: with err when the target failed it, which
// is for the caller to say (a connection that was refused, a time-out, a 503,
// and not a 404 nor a caller that went away), and nil otherwise. It is called
// once.
func (c Call) Done(err error) {
	c.target.load.done(err)
}

// load is what is known of the calls to an instance, for as long as the
// balancer knows the instance.
type load struct {
	running atomic.Int64
	failed  func() // told of each call that failed
}

func (l *load) done(err error) {
	l.running.Add(-1)
	if err != nil && l.failed != nil {
		l.failed()
	}
}

// identity tells instances apart over time. One that comes back at another
// address is another one: what was known of calls is not true of it.
type identity struct {
	datacenter, node, id, address string
	port                          int
}

func identityOf(i discover.Instance) identity {
	return identity{i.Datacenter, i.Node, i.ID, i.Address, i.Port}
}
