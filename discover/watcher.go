package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/internal/pace"
	"github.com/realjf/muster/internal/quiet"
	"github.com/realjf/muster/internal/refusal"
	"github.com/realjf/muster/internal/valid"
)

// WatchConfig holds the options of a Watcher; the zero value works.
type WatchConfig struct {
	Logger *slog.Logger // told of an outage and of its end, once each; nil means silence
	Guard  Guard        // how far bad news is trusted
	// Folder keeps the last list in a file that only its owner can read. A new
	// process uses one younger than a day, as [Degraded], while the registry
	// does not answer. Empty keeps none. Each registry needs its own folder.
	Folder string
}

// Watcher keeps the latest good answer to one query. Its methods may be called
// concurrently.
//
// While the source fails, the last good answer stays, and Err says why. When
// the source is back, instances that it does not know are kept for three
// seconds, in which a registry that lost its data hears of them again. So are
// those that it now has as failing, if they are the last one or more than half
// of the healthy ones (see Guard.Loss): their heartbeats could not arrive. An
// index that fell and [ErrInterrupted] count as failures here.
type Watcher struct {
	source Source
	query  Query
	folder folder
	logger *slog.Logger

	silence *silence // shared with the watches that a cache has beside this one
	silent  bool     // this one is part of it; the loop's alone

	stop context.CancelFunc
	done chan struct{} // closed when the loop has ended

	readers sync.WaitGroup // who passes changes on; begun under mu, and not once it is closed

	tried    chan struct{} // closed after the first attempt, good or not
	answered chan struct{} // closed after the first good answer

	// latest has index 0 before the first good answer. The loop alone
	// stores it, and readers take no lock.
	latest atomic.Pointer[Snapshot]

	mu      sync.Mutex
	refused chan struct{} // closed while the question is refused, and replaced after that
	changed chan struct{} // closed and replaced when the contents change
	closed  bool
}

// Watch starts to watch the answer of src to q, without blocking. The caller
// closes the Watcher. First and Tried say if q is invalid. It panics when src
// is nil.
func Watch(src Source, q Query, cfg WatchConfig) *Watcher {
	mustHave("Watch", src)
	return watchBeside(src, q, cfg, new(silence))
}

// watchBeside is Watch beside others of the same source, with which it shares the
// registry's silence.
func watchBeside(src Source, q Query, cfg WatchConfig, shared *silence) *Watcher {
	ctx, stop := context.WithCancel(context.Background())
	w := &Watcher{
		source:   src,
		query:    q,
		folder:   folder(cfg.Folder),
		logger:   quiet.Logger(cfg.Logger).With("service", q.Service),
		silence:  shared,
		stop:     stop,
		done:     make(chan struct{}),
		tried:    make(chan struct{}),
		answered: make(chan struct{}),
		refused:  make(chan struct{}),
		changed:  make(chan struct{}),
	}
	w.latest.Store(&Snapshot{})
	shared.joins()
	go w.run(ctx, cfg.Guard) // Close stops it and waits
	if w.folder != "" {
		w.readers.Go(w.save) // ends with the watch; Close waits
	}
	return w
}

// mustHave panics when a source is nil, as that of a New is beside its error: here it
// is seen who forgot to look, and not where the source is first asked.
func mustHave(who string, src Source) {
	if valid.IsMissing(src) {
		panic("discover: " + who + " needs a source, and it is nil")
	}
}

// Snapshot returns the latest good answer, and whether there is one; if not,
// Err says why the latest attempt failed. It does not block, and works after
// Close.
func (w *Watcher) Snapshot() (Snapshot, bool) {
	s := w.latest.Load()
	return *s, s.Index > 0
}

// First returns the latest good answer, and blocks until there is one, over
// failed attempts. The error wraps ErrUnavailable and the last failure when ctx
// ends, or ErrClosed. ErrInvalid and ErrRefused come at once.
func (w *Watcher) First(ctx context.Context) (Snapshot, error) {
	return w.await(ctx, w.answered)
}

// Tried is First, but blocks for the first attempt only: if that fails, the
// error wraps ErrUnavailable and the reason.
func (w *Watcher) Tried(ctx context.Context) (Snapshot, error) {
	return w.await(ctx, w.tried)
}

// await waits for event and returns the latest good answer. The error wraps
// ErrUnavailable if there is none by then or when ctx ends, and ErrInvalid as
// soon as there can be none.
func (w *Watcher) await(ctx context.Context, event <-chan struct{}) (Snapshot, error) {
	var err error
	select {
	case <-event:
	default:
		select {
		case <-event:
		case <-w.refusal():
			err = ErrRefused
		case <-w.done:
			err = ErrClosed
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	s, ok := w.Snapshot()
	switch {
	case ok:
		return s, nil
	case errors.Is(s.Err, ErrInvalid), errors.Is(s.Err, ErrRefused) && err != ErrClosed:
		return Snapshot{}, fmt.Errorf("watch %q: %w", w.query.Service, s.Err)
	case err == ErrClosed:
		return Snapshot{}, fmt.Errorf("watch %q: %w", w.query.Service, ErrClosed)
	case s.Err != nil: // tells more than that time was up
		err = s.Err
	}
	return Snapshot{}, fmt.Errorf("watch %q: %w: %w", w.query.Service, ErrUnavailable, err)
}

// Changed returns a channel that is closed when the instances in Snapshot next
// change. To miss no change, call it before Snapshot. Close does not close it.
func (w *Watcher) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// Close ends the watch and waits until the source has noticed.
func (w *Watcher) Close() error {
	w.stop()
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	<-w.done
	w.readers.Wait()
	return nil
}

// run asks for one answer after the other until ctx ends.
func (w *Watcher) run(ctx context.Context, guard Guard) {
	defer close(w.done)
	defer w.leaveSilence()
	var (
		after   = uint64(0)
		retry   pace.Turn
		wakeups = pace.NewLimiter()
		doubt   = doubt{guard: guard}
	)
	source := w.source
	if opens, is := source.(opener); is {
		conversation := opens.Open()
		defer conversation.Close()
		source = conversation
	}
	kept := w.begin() // until the first attempt
	for wakeups.Wait(ctx) == nil {
		asking, cancel := ctx, func() {}
		if kept.Index > 0 {
			asking, cancel = context.WithTimeout(ctx, headStart)
		}
		asked := time.Now()
		answer, err := doubt.next(asking, source, w.query, after)
		if ctx.Err() == nil && asking.Err() != nil {
			err = fmt.Errorf("no answer within %s", headStart)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrInvalid) {
			w.failed(err)
			return // whoever is asked, and however often
		}
		if err != nil {
			if kept.Index > 0 {
				w.publish(kept)
				doubt.heard = kept
			}
			w.failed(err)
			kept = Snapshot{}
			doubt.failed()
			// Ask for an answer at once next time: it ends the doubt about
			// the list as soon as the source is back, and a registry that
			// lost its data may take long to reach the old index.
			after = 0
			if w.pause(ctx, retry.After(refusal.AloneFor(err)), asked, err) != nil {
				return
			}
			continue
		}
		kept = Snapshot{}
		retry.Reset()
		// An index that fell is no special case: the answer is used and the
		// next question goes on from it. 0 would not block.
		after = max(answer.Index, 1)
		answer.Index = after
		w.succeeded(doubt.settle(w.query, answer))
	}
}

// pause waits after a failure, that of the question which was asked then: as long
// as it is this watch's turn to wait, or until the source can be reached again.
// It returns ctx's error.
//
// A registry that answered, if only with an error, was reached. And a question
// that may have arrived is not asked again within a second, so that many do not
// ask more often than once a second each, whatever becomes of their connections.
func (w *Watcher) pause(ctx context.Context, turn time.Duration, asked time.Time, err error) error {
	source, is := w.source.(reacher)
	if !is || refusal.IsAnswer(err) {
		return pace.Sleep(ctx, turn)
	}
	bounded, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	if !refusal.IsUnsent(err) {
		_ = pace.Sleep(bounded, time.Until(asked.Add(pace.Every))) // its error is noticed below
	}
	if source.Reach(bounded) != nil {
		<-bounded.Done()
	}
	return ctx.Err()
}

// tell logs what became of the trust in the registry's answers.
func (w *Watcher) tell(last, now Snapshot) {
	if w.silent {
		w.endSilence()
	} else if last.down() { // it was refused
		w.tellEnd(1)
	}
	if errors.Is(now.Err, ErrElsewhere) && !errors.Is(last.Err, ErrElsewhere) {
		w.logger.Warn("nobody is healthy, and it cannot be asked everywhere", "error", now.Err)
	}
	switch state := now.State(); {
	case state == last.State():
	case state == Held || state == Panicking:
		w.logger.Warn("the registry's list is not taken as it is", "error", now.Err, "instances", len(now.Instances))
	case now.Err != nil || last.Err == nil || last.down():
	default:
		w.logger.Info("the registry's list is taken as it is again", "instances", len(now.Instances))
	}
}

// begin returns the list that was kept of an earlier process, if there is one.
func (w *Watcher) begin() Snapshot {
	last, err := w.folder.load(w.query, time.Now())
	if err != nil {
		w.logger.Warn("cannot begin with the last list", "error", err)
	}
	return last
}

// save keeps each new list in the folder, until the watch ends.
func (w *Watcher) save() {
	failing := false
	for s := range w.Snapshots(context.Background()) {
		if s.Err != nil {
			continue // it is not what the registry said
		}
		err := w.folder.save(w.query, s)
		if err != nil && !failing {
			w.logger.Warn("cannot keep the list", "error", err)
		}
		failing = err != nil
	}
}

// failed keeps the last good answer and notes why there is no newer one.
func (w *Watcher) failed(err error) {
	s := *w.latest.Load()
	if !s.down() || errors.Is(s.Err, ErrRefused) != errors.Is(err, ErrRefused) {
		what, level := "registry does not answer", slog.LevelWarn
		switch {
		case errors.Is(err, ErrInvalid):
			what = "nothing to ask a registry"
		case errors.Is(err, ErrRefused):
			what = "registry refuses the question"
			w.endSilence()
		case !w.beginSilence():
			level = slog.LevelDebug // another watch was told
		}
		if s.Index == 0 {
			w.logger.Log(context.Background(), level, what+", and there is no list yet", "error", err)
		} else {
			w.logger.Log(context.Background(), level, what+", keeping the last list", "error", err, "instances", len(s.Instances), "confirmed", s.Confirmed)
		}
	}
	s.Err = err
	w.latest.Store(&s)
	w.closeOnce(w.tried)
	w.setRefused(errors.Is(err, ErrRefused))
}

// setRefused says whether the question is refused. The loop alone calls it.
func (w *Watcher) setRefused(now bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.refused:
		if !now {
			w.refused = make(chan struct{})
		}
	default:
		if now {
			close(w.refused)
		}
	}
}

// refusal returns what is closed while the question is refused.
func (w *Watcher) refusal() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// beginSilence and endSilence say that this watch gets no answer, and that it has
// one.
func (w *Watcher) beginSilence() (first bool) {
	w.silent = true
	return w.silence.begins()
}

func (w *Watcher) endSilence() {
	if w.silent {
		w.silent = false
		w.tellEnd(w.silence.ends())
	}
}

// leaveSilence says that no answer is wanted any more. Where this watch was the
// last one without, the others are told of, if there are any.
func (w *Watcher) leaveSilence() {
	if watches := w.silence.leaves(w.silent); watches > 0 {
		w.tellEnd(watches)
	}
}

// tellEnd logs that so many watches got no answer, and that the last of them has
// one; of 0 that others have none yet.
func (w *Watcher) tellEnd(watches int) {
	if watches > 0 {
		w.logger.Info("registry answers again", "watches", watches)
	} else {
		w.logger.Debug("registry answers again, not yet all watches")
	}
}

// succeeded takes an answer over and wakes the subscribers if its contents
// are new.
func (w *Watcher) succeeded(answer Snapshot) {
	last := w.latest.Load()
	if last.Err != nil {
		w.setRefused(false)
	}
	w.tell(*last, answer)
	if answer.Confirmed.IsZero() {
		answer.Confirmed = time.Now()
	}
	news := last.Index == 0 || !sameInstances(last.Instances, answer.Instances) || !sameInstances(last.Unhealthy, answer.Unhealthy)
	if !news {
		// Share the slices, so that the copies can be freed.
		answer.Instances, answer.Unhealthy = last.Instances, last.Unhealthy
	}
	if news {
		w.publish(answer)
	} else {
		w.latest.Store(&answer)
	}
}

// publish stores a snapshot with new contents and wakes all who wait for one.
func (w *Watcher) publish(s Snapshot) {
	w.latest.Store(&s)
	w.mu.Lock()
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
	// After that, so that who waited for the first answer is not told of it as
	// a change.
	w.closeOnce(w.answered)
	w.closeOnce(w.tried)
	runtime.Gosched() // lets those run before the next question, which has time
}

// closeOnce closes an event of the loop's own if it is still open.
func (w *Watcher) closeOnce(event chan struct{}) {
	select {
	case <-event:
	default:
		close(event)
	}
}

// sameInstances compares all that there is of two lists.
func sameInstances(a, b []Instance) bool { return slices.EqualFunc(a, b, Instance.same) }
