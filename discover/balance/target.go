package balance

import (
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
)

// Target is an instance that can be chosen. What the registry says of it is
// immutable: when that changes there is a new target, which shares what is
// known of the calls. Its methods may be called concurrently.
type Target struct {
	discover.Instance
	load *load
}

// Start notes that a call to the target begins. Its end must be told with
// [Call.Done]. It does not allocate.
func (t *Target) Start() Call {
	c := t.start()
	if c.asked&Latency != 0 {
		c.began = t.load.clock()
	}
	return c
}

// StartAt is Start for callers that know the time, from [time.Now], because
// they tell others too how long their calls take. Under policies that look at
// that most of Start and Done is reading the clock.
func (t *Target) StartAt(now time.Time) Call {
	c := t.start()
	if c.asked&Latency != 0 {
		c.began = now.Sub(t.load.born)
	}
	return c
}

func (t *Target) start() Call {
	l := t.load
	l.running.Add(1)
	c := Call{load: l, asked: Feedback(l.crowd.asked.Load())}
	if c.asked&Total != 0 {
		l.crowd.running.Add(1)
	}
	return c
}

// Running returns how many calls to the target are under way.
func (t *Target) Running() int { return int(t.load.running.Load()) }

// Call is one call to a target, under way.
type Call struct {
	load  *load
	asked Feedback
	began time.Duration // on the load's clock
}

// Done notes that the call has ended: with err when the target failed it, which
// is for the caller to say (a connection that was refused, a time-out, a 503,
// and not a 404 nor a caller that went away), and nil otherwise. An error that
// wraps [ErrUnreachable] says that the call did not even begin. It is called
// once. It does not allocate.
func (c Call) Done(err error) {
	var since time.Duration
	if c.asked&Latency != 0 {
		since = c.load.clock()
	}
	c.end(since, err)
}

// DoneAt is Done for callers that know the time, from [time.Now].
func (c Call) DoneAt(now time.Time, err error) {
	var since time.Duration
	if c.asked&Latency != 0 {
		since = now.Sub(c.load.born)
	}
	c.end(since, err)
}

// end is Done with the time on the load's clock, if that was asked for.
func (c Call) end(now time.Duration, err error) {
	l := c.load
	l.running.Add(-1)
	if c.asked == 0 {
		return
	}
	if c.asked&Total != 0 {
		l.crowd.running.Add(-1)
	}
	if c.asked&Latency != 0 {
		if news := l.latency.observe(now-c.began, now, err != nil); news {
			l.crowd.wake()
		}
	}
	if c.asked&Outcome != 0 {
		if alarm := l.outcomes.note(err); alarm {
			l.crowd.wake()
		}
	}
}

// Reached notes that the target takes connections, for who found that out without
// a call: [Outlier] lets one in at once that it ejected because it took none, unless
// that was so again and again.
func (t *Target) Reached() {
	if t.load.outcomes.reached() {
		t.load.crowd.wake()
	}
}

// load is what is known of the calls to an instance, for as long as its set
// knows the instance.
type load struct {
	crowd *crowd
	born  time.Time
	late  bool // others were there when it came

	running  atomic.Int64
	latency  latency
	outcomes outcomes
	table    *hashTable // of the plans, which are made one at a time
}

// clock returns the time since the load was made. Reading it so costs half of
// what time.Now does.
func (l *load) clock() time.Duration { return time.Since(l.born) }

// crowd is what the loads of a set share.
type crowd struct {
	asked atomic.Uint32 // the Feedback that the latest plan wants
	stale chan struct{} // holds one word that a plan should be made anew

	_       [64]byte     // what follows is written all the time, what stands before is read
	running atomic.Int64 // calls to all of them, since somebody asked for Total
}

// wake says that a plan should be made anew. It does not block.
func (c *crowd) wake() {
	select {
	case c.stale <- struct{}{}:
	default:
	}
}
