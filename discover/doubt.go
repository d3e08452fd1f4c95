package discover

import (
	"context"
	"errors"
	"time"
)

// errForgotten is the Err of a list that is kept although the registry, back
// after an absence, answers that there is no such service.
var errForgotten = errors.New("the registry was away and no longer knows the service; keeping the last list until its instances had time to return")

// doubtFor is how long an empty list from a registry that was away is not
// believed. A registry that restarts without its data knows nobody at first,
// and instances that are kept announced return within two seconds.
const doubtFor = 3 * time.Second

// doubt is about an answer that empties a list right after the registry was
// away. The zero value doubts nothing.
type doubt struct {
	answer Snapshot  // the empty one
	until  time.Time // when it is believed; zero while there is nothing to doubt
}

// next asks src, but no longer than there is a doubt to settle: an answer that
// nothing contradicted in time is the answer.
func (d *doubt) next(ctx context.Context, src Source, q Query, after uint64) (Snapshot, error) {
	if d.until.IsZero() {
		return src.Next(ctx, q, after)
	}
	bounded, cancel := context.WithDeadline(ctx, d.until)
	defer cancel()
	answer, err := src.Next(bounded, q, after)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return d.answer, nil
	}
	return answer, err
}

// covers reports whether answer, which follows last, is still to be doubted.
func (d *doubt) covers(last, answer Snapshot) bool {
	wasAway, emptied := last.Err != nil, last.Known() > 0 && answer.Known() == 0
	if !wasAway || !emptied {
		*d = doubt{}
		return false
	}
	if d.until.IsZero() {
		d.until = time.Now().Add(doubtFor)
	}
	d.answer = answer
	return time.Now().Before(d.until)
}
