package grpcdiscover

import (
	"time"

	"github.com/realjf/muster/discover/balance"
)

// sight returns the targets to connect to, with their weights as far as they are
// seen, and whether these are only some. The caller holds mu.
func (m *muster) sight(targets []*balance.Target, now time.Time) (map[*balance.Target]float64, bool) {
	cfg := m.settings.Subset
	if cfg.Callers < 2 {
		return nil, false
	}
	var s looking
	m.set.Plan(balance.Subset(cfg, &s), targets, now)
	seen := make(map[*balance.Target]float64, len(s.seen))
	for _, c := range s.seen {
		seen[c.Target] = c.Weight
	}
	return seen, true
}

// looking is a policy that chooses nobody: it notes whom it may choose from.
type looking struct{ seen []balance.Candidate }

// Plan implements [balance.Policy].
func (l *looking) Plan(candidates []balance.Candidate, _ time.Time) balance.Plan {
	l.seen = candidates
	return balance.Plan{}
}

// weighed has a policy plan with the weights that were seen.
type weighed struct {
	seen   map[*balance.Target]float64
	policy balance.Policy
}

// Plan implements [balance.Policy].
func (w weighed) Plan(candidates []balance.Candidate, now time.Time) balance.Plan {
	as := make([]balance.Candidate, len(candidates))
	for n, c := range candidates {
		as[n] = balance.Candidate{Target: c.Target, Weight: w.seen[c.Target]}
	}
	return w.policy.Plan(as, now)
}
