package balance

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
)

// Target is an instance that can be chosen, with what is known of its calls.
// What the registry says of it never changes: news makes a new target with the
// same calls. Its methods may be called concurrently.
type Target struct {
	discover.Instance
	load *load
}

// Start notes that a call begins; [Call.Done] must end it. It does not
// allocate.
func (t *Target) Start() Call {
	c := t.start()
	if c.timed() {
		c.began = t.load.crowd.clock()
	}
	return c
}

// StartAt is Start for callers that know the time: reading the clock is most of
// what Start costs.
func (t *Target) StartAt(now time.Time) Call {
	c := t.start()
	if c.timed() {
		c.began = t.load.crowd.at(now)
	}
	return c
}

func (t *Target) start() Call {
	l := t.load
	number := l.calls.begin()
	c := Call{load: l, asked: Feedback(l.crowd.asked.Load())}
	if c.asked&Total != 0 {
		l.crowd.running.Add(1)
	}
	if c.asked&Latency != 0 && l.latency.passes(number) {
		c.began = untimed
	}
	return c
}

// Running returns how many calls to the target are under way.
func (t *Target) Running() int { return int(t.load.calls.running()) }

// Call is a call to a target, under way.
type Call struct {
	load  *load
	asked Feedback
	began time.Duration // on the crowd's clock, or untimed
}

// untimed is when a call began whose time is not taken.
const untimed = time.Duration(math.MinInt64)

// timed reports whether the time of the call is taken.
func (c Call) timed() bool { return c.asked&Latency != 0 && c.began != untimed }

// dated reports whether it must be known when the call ended: also that of a
// failure whose time is not taken, for every failure counts.
func (c Call) dated(err error) bool { return c.timed() || c.asked&Latency != 0 && err != nil }

// Drop is Done where the end says nothing of the target, except that it took so
// long: the caller gave up, or got its answer elsewhere.
func (c Call) Drop() {
	c.asked &^= Outcome
	c.Done(nil)
}

// Done ends the call, with an error if the target failed it. The caller decides
// that: a refused connection, a time-out or a 503, but not a 404. It must be
// called once: a second call would end another one. It does not allocate.
func (c Call) Done(err error) {
	var now time.Duration
	if c.dated(err) {
		now = c.load.crowd.clock()
	}
	c.end(now, err)
}

// DoneAt is Done for callers that know the time.
func (c Call) DoneAt(now time.Time, err error) {
	var on time.Duration
	if c.dated(err) {
		on = c.load.crowd.at(now)
	}
	c.end(on, err)
}

// end is Done with the time on the crowd's clock, if that is needed.
func (c Call) end(now time.Duration, err error) {
	l := c.load
	l.calls.end()
	if c.asked == 0 {
		return
	}
	if c.asked&Total != 0 {
		l.crowd.running.Add(-1)
	}
	if c.dated(err) {
		took := time.Duration(0) // which is no longer than others: what fails counts for more
		if c.timed() {
			took = now - c.began
		}
		if news := l.latency.observe(took, now, err != nil); news {
			l.crowd.wake()
		}
	}
	if c.asked&Outcome != 0 {
		if alarm := l.outcomes.note(err); alarm {
			l.crowd.wake()
		}
	}
}

// Reached notes that the target takes connections, as found out without a call.
// [Outlier] then lets it in at once, a few times, if it ejected it for taking
// none.
func (t *Target) Reached() {
	if t.load.outcomes.reached() {
		t.load.crowd.wake()
	}
}

// load is what is known of the calls to an instance, for as long as its set
// knows the instance.
type load struct {
	// What every call touches, on one cache line.
	calls   calls
	latency latency
	crowd   *crowd

	outcomes outcomes
	born     time.Time
	late     bool       // others were there when it came
	table    *hashTable // of the plans, which are made one at a time
}

// calls counts the calls to a target: in the upper half of the word those that
// began, in the lower those that are under way. So it costs nothing to know the
// number of a call.
type calls struct{ word atomic.Uint64 }

// begin counts a call and returns its number.
func (c *calls) begin() (number uint32) { return uint32(c.word.Add(1<<32+1) >> 32) }

// end counts the end of a call.
func (c *calls) end() { c.word.Add(^uint64(0)) }

// running returns how many calls are under way. Of a call that was ended twice by
// mistake not fewer than none.
func (c *calls) running() int64 { return max(0, int64(int32(c.word.Load()))) }

// crowd is what the loads of a set share.
type crowd struct {
	asked atomic.Uint32 // the Feedback that the latest plan wants
	epoch time.Time     // when the clock began: before the first call
	stale chan struct{} // holds one word that a plan should be made anew

	_       [64]byte     // what follows is written all the time, what stands before is read
	running atomic.Int64 // calls to all of them, since somebody asked for Total
}

// clock returns the present time since the epoch. Reading it so costs half of
// what time.Now does.
func (c *crowd) clock() time.Duration { return time.Since(c.epoch) }

// at is clock for a time that is known.
func (c *crowd) at(now time.Time) time.Duration { return now.Sub(c.epoch) }

// wake says that a plan should be made anew. It does not block.
func (c *crowd) wake() {
	select {
	case c.stale <- struct{}{}:
	default:
	}
}
