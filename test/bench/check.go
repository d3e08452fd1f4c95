package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/realjf/muster/test/registry"
)

// What a registry is watched with as it checks many instances.
const (
	checks        = 10_000
	checkInterval = 10 * time.Second
	checkWarmUp   = 2 * checkInterval // from the last registration on: every check has looked twice
	checkPeriod   = 6 * checkInterval
)

const checksExact = "100 instances, each with 100 HTTP checks that begin as passing, every 10s; over 60s, beginning 20s after the last was registered; " +
	"the target answers at once and closes; a look's time is 10s after the one before"

// checkup is what was seen of a registry that checks many instances.
type checkup struct {
	processor  float64 // ms/s
	memory     float64 // MiB
	goroutines float64
	pace
}

// checkFigures are those of one run that all of them share: it takes minutes.
func checkFigures() []figure {
	const name = "10,000 HTTP checks: "
	seen := map[string][]checkup{} // by contender, a round each
	row := func(what, goal string, of func(checkup) float64) figure {
		taken := map[string]int{} // rounds of this figure, by contender
		return figure{
			name: name + what, exact: checksExact, goal: goal, who: registriesOnly, fromStart: true,
			measure: func(ctx context.Context, r *registry.Registry) (float64, error) {
				round := taken[r.Name]
				taken[r.Name]++
				if round == len(seen[r.Name]) {
					c, err := checkUp(ctx, r)
					if err != nil {
						return 0, err
					}
					seen[r.Name] = append(seen[r.Name], c)
				}
				return of(seen[r.Name][round]), nil
			},
		}
	}
	return []figure{
		row("processor, ms/s", "1,000", func(c checkup) float64 { return c.processor }),
		row("memory, MiB", "", func(c checkup) float64 { return c.memory }),
		row("goroutines", "", func(c checkup) float64 { return c.goroutines }),
		row("half of the looks are off their time by, ms", "", func(c checkup) float64 { return milliseconds(c.half) }),
		row("1 % of the looks are off their time by, ms", "500", func(c checkup) float64 { return milliseconds(c.worst) }),
		row("looks in the busiest tenth of a second", "", func(c checkup) float64 { return float64(c.busiest) }),
		row("looks missed", "0", func(c checkup) float64 { return float64(c.missed) }),
	}
}

// checkUp starts the registry and watches it check.
func checkUp(ctx context.Context, r *registry.Registry) (c checkup, err error) {
	if err := r.Start(ctx); err != nil {
		return c, err
	}
	t, err := openTarget(ctx, checks)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := sendAll(ctx, r.Address(), services, func(n uint64) []byte { return register(checked(t, n)) }); err != nil {
		return c, err
	}
	if err := pause(ctx, checkWarmUp); err != nil {
		return c, err
	}
	pid := r.Program().PID()
	used, err := processorTime(pid)
	if err != nil {
		return c, err
	}
	begin := time.Now()
	if err := pause(ctx, checkPeriod); err != nil {
		return c, err
	}
	end := time.Now()
	now, err := processorTime(pid)
	if err != nil {
		return c, err
	}
	c.processor = milliseconds(now-used) / end.Sub(begin).Seconds()
	if c.memory, err = residentMiB(pid); err != nil {
		return c, err
	}
	if c.goroutines, err = goroutines(ctx, r); err != nil {
		return c, err
	}
	c.pace = paceOf(t.since(begin), begin, end, checkInterval)
	return c, nil
}

// checked returns the body of the n-th instance, with its share of the checks,
// which begin as what they will be: a registration for each, and a change of
// each, would take Consul minutes.
func checked(t *target, n uint64) []byte {
	const share = checks / services
	body := fmt.Appendf(nil, `{"ID":"web-%[1]d","Name":"web-%[1]d","Port":80,"Checks":[`, n)
	for number := n * share; number < (n+1)*share; number++ {
		body = fmt.Appendf(body, `{"HTTP":"%s","Interval":"%s","Status":"passing"},`, t.url(number), checkInterval)
	}
	return append(body[:len(body)-1], "]}"...)
}

// goroutines returns how many a registry has; in dev mode both kinds say so.
func goroutines(ctx context.Context, r *registry.Registry) (float64, error) {
	const path = "/debug/pprof/goroutine?debug=1"
	status, body, err := r.Get(ctx, path)
	if err != nil {
		return 0, err
	}
	var count float64
	if _, err := fmt.Sscanf(string(body), "goroutine profile: total %f", &count); err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("%s: %d %.80s", path, status, body)
	}
	return count, nil
}

// pace is how well looks kept to their times.
type pace struct {
	half, worst time.Duration // by which a gap differs from the interval: in the middle, and of the worst hundredth
	busiest     int           // looks in a tenth of a second
	missed      int           // looks that did not come when they were due
}

// paceOf sums up the looks of checks, by check, that came from begin to end.
func paceOf(looks [][]time.Time, begin, end time.Time, interval time.Duration) pace {
	const bin = 100 * time.Millisecond
	var p pace
	var off []time.Duration
	bins := map[time.Duration]int{}
	for _, times := range looks {
		if len(times) == 0 {
			p.missed += int(end.Sub(begin) / interval)
		}
		for n, look := range times {
			bins[look.Sub(begin)/bin]++
			if n > 0 {
				gap := look.Sub(times[n-1])
				off = append(off, (gap - interval).Abs())
				p.missed += max(0, int((gap+interval/2)/interval)-1)
			}
		}
	}
	for _, count := range bins {
		p.busiest = max(p.busiest, count)
	}
	if len(off) > 0 {
		slices.Sort(off)
		p.half, p.worst = off[len(off)/2], off[len(off)*99/100]
	}
	return p
}
