package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/alarm"
)

// Runner runs any number of checks from one loop. It is safe for concurrent
// use. Checks may be started before and while it runs.
type Runner struct {
	clock   *alarm.Clock[*Task] // when each check is due
	aliases Aliases
	probes  sync.WaitGroup
}

// NewRunner returns a runner without checks. It asks aliases what a check sees
// that is an alias of another; with nil there can be no such check.
func NewRunner(aliases Aliases) *Runner { return &Runner{clock: alarm.New[*Task](), aliases: aliases} }

// Task is one check being run.
type Task struct {
	clock     *alarm.Clock[*Task]
	prober    prober // nil for a TTL
	interval  time.Duration
	timeout   time.Duration
	ttl       time.Duration
	outputMax int
	threshold *threshold
	report    func(Result)

	first bool // no probe has been made yet; the probe's own

	mu      sync.Mutex
	stopped bool
	stop    context.CancelFunc // ends the probe under way, if there is one
	output  string             // the last output of a TTL
}

// Start begins to run a check: the first probe at once, the next after a
// random part of the interval, so that checks started together spread, then
// one each interval. Each result that counts (see the thresholds) goes to
// report, one at a time, from a goroutine of the runner's. The definition
// must be valid.
func (r *Runner) Start(d Definition, report func(Result)) *Task {
	if d.OutputMaxSize <= 0 {
		d.OutputMaxSize = DefaultOutputSize
	}
	if k := d.kind(); k != nil {
		return r.start(d, k.prober(r, d), report)
	}
	return r.start(d, nil, report)
}

// start runs p as d says; without a prober it is a TTL.
func (r *Runner) start(d Definition, p prober, report func(Result)) *Task {
	t := &Task{
		clock:     r.clock,
		prober:    p,
		interval:  max(d.Interval, MinInterval),
		timeout:   d.Timeout,
		ttl:       d.TTL,
		outputMax: d.OutputMaxSize,
		threshold: newThreshold(d),
		report:    report,
		first:     true,
	}
	if t.timeout <= 0 {
		t.timeout = DefaultTimeout
	}
	due := time.Now()
	if p == nil {
		due = due.Add(d.TTL)
	}
	r.clock.Set(t, due)
	return t
}

// Stop ends the check. A report under way may still arrive.
func (t *Task) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.stop != nil {
		t.stop()
	}
	t.clock.Stop(t)
}

// Beat tells a TTL check that it lives, and with what output: its time starts
// anew. It returns the output as it is kept. It reports false for a check of
// another kind.
func (t *Task) Beat(output string) (kept string, isTTL bool) {
	if t.prober != nil {
		return "", false
	}
	if total := len(output); total > t.outputMax {
		output = fmt.Sprintf("%s ... (captured %d of %d bytes)", output[:t.outputMax], t.outputMax, total)
	}
	t.mu.Lock()
	t.output = output
	t.mu.Unlock()
	t.again(time.Now().Add(t.ttl))
	return output, true
}

// again makes the check due at the time, unless it was stopped.
func (t *Task) again(due time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped {
		t.clock.Set(t, due)
	}
}

// Run runs the checks until ctx ends; it then waits for the probes under way,
// which end with ctx too, and returns nil.
func (r *Runner) Run(ctx context.Context) error {
	defer r.probes.Wait()
	r.clock.Run(ctx, func(t *Task) {
		began := time.Now()
		// Ends with ctx, with Stop, or when the probe knows; Run waits for it.
		r.probes.Go(func() { t.run(ctx, began) })
	})
	return nil
}

// run looks once, reports, and says when to look next.
func (t *Task) run(ctx context.Context, began time.Time) {
	if t.prober == nil {
		if t.Lapsed() {
			t.report(Result{state.Critical, t.lastWords()})
		}
		return // waits for the next beat
	}
	watching, watches := t.prober.(watcher)
	var cancel context.CancelFunc
	if watches {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, t.timeout)
	}
	defer cancel()
	t.mu.Lock()
	t.stop = cancel
	stopped := t.stopped
	t.mu.Unlock()
	if stopped {
		return
	}
	if watches {
		watching.watch(ctx, t.report)
		return
	}
	result := t.prober.probe(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return // stopped, or the runner ends: the result says nothing
	}
	if status, counts := t.threshold.next(result.Status); counts {
		t.report(Result{status, result.Output})
	}
	t.again(began.Add(t.pause()))
}

// Lapsed reports whether the check is a TTL that was not renewed in time. A
// caller that renews under a lock of its own can ask under it whether a
// report of the lapse is already out of date.
func (t *Task) Lapsed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.prober == nil && !t.stopped && !t.clock.Waits(t)
}

// lastWords is the output of a TTL that lapsed.
func (t *Task) lastWords() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.output == "" {
		return "TTL expired"
	}
	return "TTL expired (last output before timeout follows): " + t.output
}

// pause is the time from this probe to the next. After the first it is
// between a half and a whole interval, so that checks that began together do
// not go on together.
func (t *Task) pause() time.Duration {
	if !t.first {
		return t.interval
	}
	t.first = false
	return t.interval/2 + rand.N(t.interval/2)
}
