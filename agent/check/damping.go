package check

import (
	"errors"
	"math"
	"time"

	"github.com/realjf/muster/agent/state"
)

// damping holds back the recovery of a check that turns critical again and
// again, as routers do with routes (RFC 2439): each fall adds one to a penalty
// that halves with each half-life, and a fall that takes it above damped begins
// a time in which no recovery counts, until it has sunk to reused. So the third
// fall in quick succession is held, and a check that falls no more often than
// once a half-life never is. A fall itself is never held back.
type damping struct {
	halfLife time.Duration // 0 for no damping
	penalty  float64       // as it was at the last fall
	fell     time.Time     // when that was
	last     state.Status  // as it would be without damping
	until    time.Time     // no recovery counts before
}

const (
	damped     = 2.0
	reused     = 0.75
	maxPenalty = 4.0 // so that nothing is held for more than 2.5 half-lives
)

// ErrDamping says that a definition wants damping for a check that does not
// look.
var ErrDamping = errors.New("FlapDamping is for checks that look: a TTL or an alias is as it is told")

// Damps reports whether damping means something for the definition.
func (d Definition) Damps() bool {
	kind := d.Kind()
	return kind != nameTTL && kind != nameAlias
}

// next takes the status that a check has now, without damping, and reports
// until when it is held as critical instead, if it is.
func (d *damping) next(status state.Status, now time.Time) (until time.Time, held bool) {
	if d.halfLife <= 0 {
		return time.Time{}, false
	}
	fell := status == state.Critical && d.last != state.Critical && d.last != ""
	d.last = status
	if fell {
		sunk := math.Exp2(-float64(now.Sub(d.fell)) / float64(d.halfLife))
		d.penalty, d.fell = min(d.penalty*sunk+1, maxPenalty), now
		if d.penalty > damped {
			d.until = now.Add(time.Duration(float64(d.halfLife) * math.Log2(d.penalty/reused)))
		}
	}
	return d.until, status != state.Critical && now.Before(d.until)
}
