package balance

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// OutlierConfig says who is an outlier; the zero value works, with the values
// of gRPC and Envoy where both have them.
type OutlierConfig struct {
	InARow int // failures in a row that eject a target; 0 means 5, less than 0 never
	// Deviations is how many standard deviations below the mean a success rate
	// ejects; 0 means 1.9, less than 0 never. It takes five targets with a hundred
	// calls in a Period, and a rate five percentage points below the mean.
	Deviations float64
	Period     time.Duration // 0 means 10 s
	// Out is how long a target is out for the first time, twice as long for the
	// second, and so on up to five minutes; a Period without ejection takes one
	// back. 0 means 30 s.
	Out      time.Duration
	MaxShare float64 // of the targets, out at once, below 1; 0 means 0.5
}

// Outlier ejects targets that fail their calls; policy chooses among the rest.
// A target comes back after a while, or when it takes connections again
// ([Target.Reached]). It follows Envoy's outlier detection and gRPC's A50. It
// panics when policy is nil.
func Outlier(cfg OutlierConfig, policy Policy) Policy {
	mustHave("Outlier", policy)
	return outlier{OutlierConfig{
		InARow:     cmp.Or(cfg.InARow, 5),
		Deviations: cmp.Or(cfg.Deviations, 1.9),
		Period:     cmp.Or(cfg.Period, 10*time.Second),
		Out:        cmp.Or(cfg.Out, 30*time.Second),
		// So one of two may be out. Others have a tenth, so that none of nine may.
		// When all fail, the fault is likely not theirs.
		MaxShare: cmp.Or(cfg.MaxShare, 0.5),
	}, policy}
}

type outlier struct {
	OutlierConfig
	policy Policy
}

const (
	outlierMaxOut     = 5 * time.Minute
	outlierMinTargets = 5
	outlierMinCalls   = 100
	outlierMinGap     = 0.05 // below the mean: where all are nearly perfect the worst of them is well
	outlierPatience   = 3    // how often one comes back at once that takes connections again
)

// Plan implements [Policy].
func (o outlier) Plan(candidates []Candidate, now time.Time) Plan {
	period := now.UnixNano() / int64(o.Period)
	unlike := o.unlike(candidates, period)
	o.turn(candidates, period) // before anybody is let in: who was out is not forgiven
	o.readmit(candidates, now)
	room := o.room(candidates)
	for _, c := range append(o.failing(candidates), unlike...) {
		if r := &c.load.outcomes.record; room > 0 && r.until.IsZero() {
			r.times++
			r.unreachable = c.load.outcomes.unreachable.Load()
			r.until = now.Add(min(time.Duration(r.times)*o.Out, max(outlierMaxOut, o.Out)))
			c.load.outcomes.inARow.Store(0)
			room--
		}
	}

	again := time.Unix(0, (period+1)*int64(o.Period))
	in := make([]Candidate, 0, len(candidates))
	for _, c := range candidates {
		c.load.outcomes.alarm.Store(int64(max(o.InARow, 0)))
		if until := c.load.outcomes.record.until; until.IsZero() {
			in = append(in, c)
		} else {
			again = earlier(again, until)
		}
	}
	plan := o.policy.Plan(in, now)
	plan.Again = earlier(plan.Again, again)
	plan.Feedback |= Outcome
	return plan
}

// readmit lets those in whose time is up, and those that were out only because
// they took no connection, when they do.
func (o outlier) readmit(candidates []Candidate, now time.Time) {
	for _, c := range candidates {
		r := &c.load.outcomes.record
		if r.until.IsZero() {
			continue
		}
		unreachable := c.load.outcomes.unreachable.Load()
		if back := r.unreachable && !unreachable && r.times <= outlierPatience; back || !r.until.After(now) {
			r.until, r.unreachable = time.Time{}, false
			if !unreachable { // what failed since had begun before
				c.load.outcomes.inARow.Store(0)
			}
		}
	}
}

// room returns how many more may be ejected. If there are fewer targets than
// there were, more may be out than should: those come back whose time is up first.
func (o outlier) room(candidates []Candidate) int {
	var out []*record
	for _, c := range candidates {
		if r := &c.load.outcomes.record; !r.until.IsZero() {
			out = append(out, r)
		}
	}
	n := len(candidates)
	room := min(int(o.MaxShare*float64(n)), n-1) - len(out)
	slices.SortFunc(out, func(a, b *record) int { return a.until.Compare(b.until) })
	for ; room < 0; room++ {
		out[0].until, out = time.Time{}, out[1:]
	}
	return room
}

// failing returns those that failed too often in a row.
func (o outlier) failing(candidates []Candidate) (failing []Candidate) {
	for _, c := range candidates {
		if o.InARow > 0 && c.load.outcomes.inARow.Load() >= int64(o.InARow) {
			failing = append(failing, c)
		}
	}
	return failing
}

// unlike returns those whose share of successes, over a period that has ended,
// is well below that of the others.
func (o outlier) unlike(candidates []Candidate, period int64) (unlike []Candidate) {
	if o.Deviations < 0 {
		return nil
	}
	type rated struct {
		Candidate
		rate float64
	}
	var all []rated
	var sum, squares float64
	for _, c := range candidates {
		if rate, ok := c.load.outcomes.rate(period); ok {
			all = append(all, rated{c, rate})
			sum += rate
		}
	}
	if len(all) < outlierMinTargets {
		return nil
	}
	mean := sum / float64(len(all))
	for _, one := range all {
		squares += (one.rate - mean) * (one.rate - mean)
	}
	gap := max(o.Deviations*math.Sqrt(squares/float64(len(all))), outlierMinGap)
	slices.SortStableFunc(all, func(a, b rated) int { return cmp.Compare(a.rate, b.rate) }) // the worst first
	for _, one := range all {
		if one.rate < mean-gap {
			unlike = append(unlike, one.Candidate)
		}
	}
	return unlike
}

// rate returns the share of successes since the period of the record began, if
// that has ended, saw calls enough, and the target is in.
func (o *outcomes) rate(period int64) (rate float64, ok bool) {
	if o.record.period == 0 || o.record.period == period || !o.record.until.IsZero() {
		return 0, false
	}
	succeeded, failed := o.succeeded.Load()-o.record.succeeded, o.failed.Load()-o.record.failed
	return float64(succeeded) / float64(succeeded+failed), succeeded+failed >= outlierMinCalls
}

// turn begins to count anew where a period has ended.
func (o outlier) turn(candidates []Candidate, period int64) {
	for _, c := range candidates {
		outcomes := &c.load.outcomes
		r := &outcomes.record
		if r.period == period {
			continue
		}
		if r.until.IsZero() {
			r.times = max(0, r.times-1)
		}
		r.period, r.succeeded, r.failed = period, outcomes.succeeded.Load(), outcomes.failed.Load()
	}
}
