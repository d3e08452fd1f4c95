package balance

import (
	"sync"
	"time"
)

// Ejections counts whom [Outlier] policies eject, for metrics. The zero value
// works. Its methods may be called concurrently.
type Ejections struct {
	mu     sync.Mutex
	total  map[string]uint64
	atWork map[*countedOutlier]bool
}

// Ejected counts the ejected instances of a service.
type Ejected struct {
	Total uint64 // ejections so far
	Now   int    // who is out now, counted for each balancer at work
}

// outcasts is who is out by a plan.
type outcasts struct {
	who      map[identity]string // to their service
	services map[string]bool     // of all, in or out
	until    time.Time           // when there is a new plan, or its balancer has ended
}

// ejectionsLate is how late a plan may be before its balancer is taken to have
// ended: a policy is not told.
const ejectionsLate = time.Second

// Outlier is [Outlier] with its ejections counted. It keeps state, so each
// balancer or connection needs one of its own.
func (e *Ejections) Outlier(cfg OutlierConfig, policy Policy) Policy {
	mustHave("Outlier", policy)
	return &countedOutlier{ejections: e, cfg: cfg, policy: policy}
}

// Services returns the counts by service.
func (e *Ejections) Services() map[string]Ejected {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget(time.Now())
	all := make(map[string]Ejected, len(e.total))
	for service, total := range e.total {
		all[service] = Ejected{Total: total}
	}
	for policy := range e.atWork {
		for service := range policy.latest.services {
			if _, had := all[service]; !had {
				all[service] = Ejected{} // which is told too
			}
		}
		for _, service := range policy.latest.who {
			one := all[service]
			one.Now++
			all[service] = one
		}
	}
	return all
}

// forget forgets balancers that have ended. The caller holds mu.
func (e *Ejections) forget(now time.Time) {
	for policy := range e.atWork {
		if now.After(policy.latest.until.Add(ejectionsLate)) {
			delete(e.atWork, policy)
		}
	}
}

// note takes over who is out by a plan of policy.
func (e *Ejections) note(policy *countedOutlier, out outcasts, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget(now)
	if e.atWork == nil {
		e.atWork, e.total = make(map[*countedOutlier]bool), make(map[string]uint64)
	}
	for who, service := range out.who {
		if _, was := policy.latest.who[who]; !was {
			e.total[service]++
		}
	}
	policy.latest = out
	e.atWork[policy] = true
}

// countedOutlier compares who goes into [Outlier] with who comes out of it.
type countedOutlier struct {
	ejections *Ejections
	cfg       OutlierConfig
	policy    Policy

	latest outcasts // guarded by the mutex of ejections
}

// Plan implements [Policy].
func (o *countedOutlier) Plan(candidates []Candidate, now time.Time) Plan {
	left := &noted{policy: o.policy}
	plan := Outlier(o.cfg, left).Plan(candidates, now)
	out := outcasts{who: make(map[identity]string), services: make(map[string]bool), until: plan.Again}
	for _, c := range candidates {
		out.who[identityOf(c.Instance)] = c.Service
		out.services[c.Service] = true
	}
	for _, c := range left.candidates {
		delete(out.who, identityOf(c.Instance))
	}
	o.ejections.note(o, out, now)
	return plan
}

// noted is a policy that notes whom it may choose from.
type noted struct {
	policy     Policy
	candidates []Candidate
}

// Plan implements [Policy].
func (n *noted) Plan(candidates []Candidate, now time.Time) Plan {
	n.candidates = candidates
	return n.policy.Plan(candidates, now)
}
