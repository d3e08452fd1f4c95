package command

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/service"
)

// lists are what the service hands out, to programs of which no registry knows. They
// remember when somebody last got the one that the service itself is in.
type lists struct {
	service.Finder
	own  string
	last atomic.Int64 // Unix nanoseconds; 0 is never
}

// listsUsed is how long programs that had a list from us get to use it.
const listsUsed = time.Second

// Get implements service.Finder.
func (l *lists) Get(ctx context.Context, q discover.Query) (discover.Snapshot, error) {
	if q.Service == l.own {
		defer func() { l.last.Store(time.Now().UnixNano()) }()
	}
	return l.Finder.Get(ctx, q)
}

// inUse reports whether somebody may be using the list that the service is in.
func (l *lists) inUse() bool { return time.Since(time.Unix(0, l.last.Load())) < listsUsed }
