package check

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/realjf/muster/agent/state"
)

// Runner runs any number of checks from one loop. It is safe for concurrent
// use. Checks may be started before and while it runs.
type Runner struct {
	wake chan struct{} // has one element when the first due time may have changed

	mu    sync.Mutex
	due   queue // every task that waits for its time
	tasks sync.WaitGroup
}

// NewRunner returns a runner without checks.
func NewRunner() *Runner {
	return &Runner{wake: make(chan struct{}, 1)}
}

// Task is one check being run.
type Task struct {
	runner    *Runner
	prober    prober // nil for a TTL
	interval  time.Duration
	timeout   time.Duration
	ttl       time.Duration
	outputMax int
	threshold *threshold
	report    func(Result)

	// Guarded by the runner's mutex.
	due     time.Time
	at      int // place in the queue, -1 when not waiting
	first   bool
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
		return r.start(d, k.prober(d), report)
	}
	return r.start(d, nil, report)
}

// start runs p as d says; without a prober it is a TTL.
func (r *Runner) start(d Definition, p prober, report func(Result)) *Task {
	t := &Task{
		runner:    r,
		prober:    p,
		interval:  max(d.Interval, MinInterval),
		timeout:   d.Timeout,
		ttl:       d.TTL,
		outputMax: d.OutputMaxSize,
		threshold: newThreshold(d),
		report:    report,
		at:        -1,
		first:     true,
	}
	if t.timeout <= 0 {
		t.timeout = DefaultTimeout
	}
	t.due = time.Now()
	if p == nil {
		t.due = t.due.Add(d.TTL)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.schedule(t)
	return t
}

// Stop ends the check. A report under way may still arrive.
func (t *Task) Stop() {
	t.runner.mu.Lock()
	defer t.runner.mu.Unlock()
	t.stopped = true
	if t.stop != nil {
		t.stop()
	}
	if t.at >= 0 {
		heap.Remove(&t.runner.due, t.at)
	}
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
	t.runner.mu.Lock()
	defer t.runner.mu.Unlock()
	if !t.stopped {
		t.output = output
		t.due = time.Now().Add(t.ttl)
		t.runner.schedule(t)
	}
	return output, true
}

// Run runs the checks until ctx ends; it then waits for the probes under way,
// which end with ctx too, and returns nil.
func (r *Runner) Run(ctx context.Context) error {
	defer r.tasks.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-timer.C:
		}
		next, waiting := r.fire(ctx)
		if waiting {
			timer.Reset(time.Until(next))
		} else {
			timer.Stop()
		}
	}
}

// fire starts everything that is due and returns when the next will be.
func (r *Runner) fire(ctx context.Context) (next time.Time, waiting bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for len(r.due) > 0 && !r.due[0].due.After(now) {
		t := heap.Pop(&r.due).(*Task)
		attempt, cancel := context.WithTimeout(ctx, t.timeout)
		t.stop = cancel
		// Ends with ctx, with Stop, or when the probe knows; Run waits for it.
		r.tasks.Go(func() {
			defer cancel()
			t.run(attempt, now)
		})
	}
	if len(r.due) == 0 {
		return time.Time{}, false
	}
	return r.due[0].due, true
}

// run looks once, reports, and queues the task for its next time.
func (t *Task) run(ctx context.Context, began time.Time) {
	if t.prober == nil {
		if t.Lapsed() {
			t.report(Result{state.Critical, t.lastWords()})
		}
		return // waits for the next beat
	}
	result := t.prober.probe(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return // stopped, or the runner ends: the result says nothing
	}
	if status, counts := t.threshold.next(result.Status); counts {
		t.report(Result{status, result.Output})
	}
	t.runner.mu.Lock()
	defer t.runner.mu.Unlock()
	if t.stopped {
		return
	}
	t.due = began.Add(t.pause())
	t.first = false
	t.runner.schedule(t)
}

// Lapsed reports whether the check is a TTL that was not renewed in time. A
// caller that renews under a lock of its own can ask under it whether a
// report of the lapse is already out of date.
func (t *Task) Lapsed() bool {
	t.runner.mu.Lock()
	defer t.runner.mu.Unlock()
	return t.prober == nil && !t.stopped && t.at < 0
}

// lastWords is the output of a TTL that lapsed.
func (t *Task) lastWords() string {
	t.runner.mu.Lock()
	defer t.runner.mu.Unlock()
	if t.output == "" {
		return "TTL expired"
	}
	return "TTL expired (last output before timeout follows): " + t.output
}

// pause is the time from this probe to the next. After the first it is
// between a half and a whole interval, so that checks that began together do
// not go on together.
func (t *Task) pause() time.Duration {
	if t.first {
		return t.interval/2 + rand.N(t.interval/2)
	}
	return t.interval
}

// schedule puts the task in its place; the caller holds the mutex.
func (r *Runner) schedule(t *Task) {
	if t.at >= 0 {
		heap.Fix(&r.due, t.at)
	} else {
		heap.Push(&r.due, t)
	}
	if t.at == 0 {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// queue is a heap of tasks, the next due on top. It implements heap.Interface.
type queue []*Task

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue) Push(task any) {
	t := task.(*Task)
	t.at = len(*q)
	*q = append(*q, t)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.at = -1
	return t
}
