package balance

import (
	"errors"
	"sync/atomic"
	"time"
)

// outcomes is how the calls to a target ended, and what was made of that.
type outcomes struct {
	succeeded, failed atomic.Int64
	inARow            atomic.Int64 // failures since the last success
	unreachable       atomic.Bool  // the last that is known is that it took no connection
	alarm             atomic.Int64 // at how many in a row to say so at once; 0 for never

	record record // of the plans, which are made one at a time
}

// note takes over how a call ended and reports whether there were so many
// failures in a row that a plan must be made. One that could not be reached
// failed often enough: who calls rarely would wait long for more, and each may take
// as long as a time-out.
func (o *outcomes) note(err error) (alarm bool) {
	if err == nil {
		o.succeeded.Add(1)
		if o.inARow.Load() != 0 {
			o.inARow.Store(0)
		}
		return false
	}
	o.failed.Add(1)
	enough := o.alarm.Load()
	if errors.Is(err, ErrUnreachable) {
		o.unreachable.Store(true)
		return o.inARow.Swap(enough) < enough
	}
	return o.inARow.Add(1) == enough
}

// reached takes over that the target takes connections, and reports whether that
// is news.
func (o *outcomes) reached() bool {
	news := o.unreachable.Swap(false)
	if news {
		o.inARow.Store(0)
	}
	return news
}

// record is what an [Outlier] policy remembers of a target.
type record struct {
	until             time.Time // when it is let in again; zero when it is not out
	times             int       // how often it was ejected lately
	unreachable       bool      // it was ejected because it took no connection
	period            int64     // the number of the period that the counts began in
	succeeded, failed int64     // what the counts were then
}
