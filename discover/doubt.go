package discover

import (
	"context"
	"errors"
	"slices"
	"time"
)

// errReturning is the Err of a list that still holds instances which the
// registry, back after an absence, does not know.
var errReturning = errors.New("the registry was away and does not know all instances yet; keeping the others until they had time to return")

// doubtFor is how long what a registry forgot while it was away is kept. One
// that restarts without its data knows nobody at first, and instances that
// are kept announced return to it within two seconds, one after the other.
const doubtFor = 3 * time.Second

// doubt is about answers that lack instances right after the registry was
// away. The zero value doubts nothing.
type doubt struct {
	missing []Instance // known before, and in no answer since
	until   time.Time  // when they are given up; zero while there is no doubt
}

// notInDoubt is the doubt of a watch whose registry was never away.
var notInDoubt doubt

// next asks src for an answer, but while there is doubt no longer than that
// lasts: what is true then is asked for anew.
func (d *doubt) next(ctx context.Context, src Source, q Query, after uint64) (Snapshot, error) {
	if d.until.IsZero() {
		return src.Next(ctx, q, after)
	}
	bounded, cancel := context.WithDeadline(ctx, d.until)
	defer cancel()
	answer, err := src.Next(bounded, q, after)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return src.Next(ctx, q, 0)
	}
	return answer, err
}

// settle returns answer, which follows last, together with the instances that
// it is doubted to lack; its Err then says so.
func (d *doubt) settle(last, answer Snapshot) Snapshot {
	if d.until.IsZero() && last.Err != nil {
		*d = doubt{missing: last.Instances, until: time.Now().Add(doubtFor)}
	}
	d.missing = slices.DeleteFunc(slices.Clone(d.missing), func(i Instance) bool { return answer.has(i.ID) })
	if len(d.missing) == 0 || !time.Now().Before(d.until) {
		*d = doubt{}
		return answer
	}
	answer.Instances = slices.Concat(answer.Instances, d.missing)
	answer.sort()
	answer.Err = errReturning
	return answer
}
