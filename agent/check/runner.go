package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/alarm"
)

// Runner runs any number of checks from one loop. It is safe for concurrent
// use. Checks may be started before and while it runs.
type Runner struct {
	clock   *alarm.Clock[bell]
	rush    *gate[*Task] // of looks that would come all at once
	epoch   time.Time    // of all schedules
	count   atomic.Uint64
	aliases Aliases
	probes  sync.WaitGroup

	transports transports
}

// First looks come when the checks do, and those that are late (the machine
// slept) when it wakes: perhaps thousands at once. Then no more than rushMost
// begin at a time; a target that hangs holds its place for rushHold, whatever
// its timeout. So of checks that begin together the n-th has waited for
// n/rushMost times rushHold at most, and hardly at all where targets answer.
const (
	rushMost = 256
	rushHold = time.Second
	late     = time.Second
)

// bell is what the runner's clock rings for: a task is due, or has held its
// place in the rush for long enough.
type bell struct {
	task *Task
	hold bool
}

// NewRunner returns a runner without checks. It asks aliases what a check sees
// that is an alias of another; with nil there can be no such check.
func NewRunner(aliases Aliases) *Runner {
	r := &Runner{clock: alarm.New[bell](), rush: newGate[*Task](rushMost), epoch: time.Now(), aliases: aliases}
	r.count.Store(rand.Uint64()) // the agents of a fleet need not look together either
	return r
}

// Task is one check being run.
type Task struct {
	clock     *alarm.Clock[bell]
	prober    prober // nil for a TTL
	schedule  schedule
	timeout   time.Duration
	ttl       time.Duration
	outputMax int
	threshold *threshold
	damping   damping
	report    func(Report)

	mu      sync.Mutex
	stopped bool
	first   bool // no look has been made yet
	due     time.Time
	stop    context.CancelFunc // ends the probe under way, if there is one
	output  string             // the last output of a TTL
}

// Start begins to run a check: it looks at once, again within an interval, at
// a point of its own between those of the others, and from then on each
// interval at that point. What each look came to goes to report, one at a time,
// from a goroutine of the runner's. The definition must be valid.
func (r *Runner) Start(d Definition, report func(Report)) *Task {
	return r.Resume(d, "", report)
}

// Resume is Start for a check that had a status already: it takes as many
// results to change it as if the check had been run all the time. The time of
// a TTL is a whole one.
func (r *Runner) Resume(d Definition, was state.Status, report func(Report)) *Task {
	if d.OutputMaxSize <= 0 {
		d.OutputMaxSize = DefaultOutputSize
	}
	if k := d.kind(); k != nil {
		if d.Timeout <= 0 {
			d.Timeout = k.timeout
		}
		return r.start(was, d, k.prober(r, d), report)
	}
	return r.start(was, d, nil, report)
}

// start runs p as d says, going on from the status that it had; without a
// prober it is a TTL.
func (r *Runner) start(was state.Status, d Definition, p prober, report func(Report)) *Task {
	t := &Task{
		clock:     r.clock,
		prober:    p,
		schedule:  newSchedule(r.epoch, max(d.Interval, MinInterval), r.count.Add(1)),
		timeout:   d.Timeout,
		ttl:       d.TTL,
		outputMax: d.OutputMaxSize,
		threshold: newThreshold(d),
		damping:   damping{halfLife: d.FlapDamping, last: was},
		report:    report,
		first:     true,
	}
	t.threshold.resume(was)
	if t.timeout <= 0 {
		t.timeout = DefaultTimeout
	}
	due := time.Now()
	if p == nil {
		due = due.Add(d.TTL)
	}
	t.again(due)
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
	t.clock.Stop(bell{task: t})
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
		t.due = due
		t.clock.Set(bell{task: t}, due)
	}
}

// Run runs the checks until ctx ends; it then waits for the probes under way,
// which end with ctx too, and returns nil.
func (r *Runner) Run(ctx context.Context) error {
	defer r.probes.Wait()
	r.clock.Run(ctx, func(b bell) {
		switch {
		case b.hold:
			r.makeRoom(ctx, b.task)
		case !b.task.rushes():
			// Ends with ctx, with Stop, or when the probe knows; Run waits for it.
			r.probes.Go(func() { b.task.run(ctx) })
		case r.rush.enter(b.task):
			r.runInRush(ctx, b.task)
		}
	})
	return nil
}

// runInRush runs a task that has a place in the rush.
func (r *Runner) runInRush(ctx context.Context, t *Task) {
	r.clock.Set(bell{t, true}, time.Now().Add(rushHold))
	// Ends like any other probe; Run waits for it.
	r.probes.Go(func() {
		t.run(ctx)
		r.clock.Stop(bell{t, true})
		r.makeRoom(ctx, t)
	})
}

// makeRoom gives a task's place in the rush to the next, if it has one still.
func (r *Runner) makeRoom(ctx context.Context, t *Task) {
	if next, waits := r.rush.leave(t); waits {
		r.runInRush(ctx, next)
	}
}

// rushes reports whether a task that is due may come with many others.
func (t *Task) rushes() bool {
	if _, watches := t.prober.(watcher); watches || t.prober == nil {
		return false // it opens nothing
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.first
	t.first = false
	return first || time.Since(t.due) > late
}

// run looks once, reports, and says when to look next.
func (t *Task) run(ctx context.Context) {
	if t.prober == nil {
		if t.Lapsed() {
			t.report(Report{Result: Result{state.Critical, t.lastWords()}})
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
		watching.watch(ctx, func(result Result) { t.report(Report{Result: result}) })
		return
	}
	result := t.prober.probe(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return // stopped, or the runner ends: the result says nothing
	}
	t.report(t.judge(result, time.Now()))
	t.again(t.schedule.after(time.Now()))
}

// judge applies the check's rules to what was found.
func (t *Task) judge(found Result, now time.Time) Report {
	status, counts := t.threshold.next(found.Status)
	if !counts {
		return Report{Result: found, Held: true}
	}
	if until, held := t.damping.next(status, now); held {
		return Report{Result: Result{state.Critical, fmt.Sprintf("held as critical until %s, for it turned critical too often; it is %s: %s",
			until.UTC().Format(time.RFC3339), status, found.Output)}}
	}
	return Report{Result: Result{status, found.Output}}
}

// Lapsed reports whether the check is a TTL that was not renewed in time. A
// caller that renews under a lock of its own can ask under it whether a
// report of the lapse is already out of date.
func (t *Task) Lapsed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.prober == nil && !t.stopped && !t.clock.Waits(bell{task: t})
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
