package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// offer offers work to turns: each piece takes the time that it is given, and
// its end is told.
type offer struct {
	turns *turns
	group sync.WaitGroup

	mu    sync.Mutex
	ends  []string // the names of what was done, in order
	gone  []string // of what was refused
	waits time.Duration
	late  time.Duration // the longest until a refusal
	most  int           // at once
	now   int
}

func (o *offer) work(name string, weight, kind int, takes time.Duration) {
	arrived := time.Now()
	o.group.Go(func() {
		err := o.turns.take(context.Background(), weight, kind, arrived)
		o.mu.Lock()
		if err != nil {
			o.gone = append(o.gone, name)
			o.late = max(o.late, time.Since(arrived))
			o.mu.Unlock()
			return
		}
		o.waits = max(o.waits, time.Since(arrived))
		o.now += weight
		o.most = max(o.most, o.now)
		o.mu.Unlock()
		time.Sleep(takes)
		o.mu.Lock()
		o.now -= weight
		o.ends = append(o.ends, name)
		o.mu.Unlock()
		o.turns.give(weight)
	})
	synctest.Wait()
}

func TestTurnsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &offer{turns: newTurns(4)}
		o.work("a", 4, usual, time.Millisecond)
		o.work("b", 1, usual, 10*time.Millisecond)
		o.work("c", 9, usual, time.Millisecond) // weighs as much as there is
		o.work("d", 1, usual, time.Millisecond) // would fit beside b, and does not pass c
		o.group.Wait()
		if want := []string{"a", "b", "c", "d"}; !slices.Equal(o.ends, want) || o.turns.free != 4 {
			t.Errorf("done in the order %v, want %v; %d are free", o.ends, want, o.turns.free)
		}
	})
}

// TestTurnsOfABurst: what comes at once and can be done within a second is
// done, though ten times more than fits comes.
func TestTurnsOfABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &offer{turns: newTurns(2)}
		for range 180 {
			o.work("x", 1, usual, 10*time.Millisecond)
		}
		o.group.Wait()
		if len(o.ends) != 180 || o.most != 2 || o.turns.free != 2 {
			t.Errorf("%d of 180 were done, %d at once", len(o.ends), o.most)
		}
	})
}

// TestTurnsUnderOverload offers ten times what can be done for a minute.
func TestTurnsUnderOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &offer{turns: newTurns(2)}
		for range 1000 { // two places, ten milliseconds each: one every five
			for range 10 {
				o.work("x", 1, usual, 10*time.Millisecond)
			}
			time.Sleep(5 * time.Millisecond)
		}
		o.turns.mu.Lock()
		if waiting := o.turns.waiting[usual].Len(); waiting > longestQueue || waiting == 0 {
			t.Errorf("%d wait", waiting)
		}
		o.turns.mu.Unlock()
		o.mu.Lock() // work ends meanwhile
		o.waits, o.late, o.gone = 0, 0, nil
		o.mu.Unlock()
		for range 1000 {
			for range 10 {
				o.work("y", 1, usual, 10*time.Millisecond)
			}
			time.Sleep(5 * time.Millisecond)
		}
		o.group.Wait()
		// Nothing is idle, and what is done did not wait for long.
		if done := len(o.ends); done < 1950 {
			t.Errorf("%d were done in ten seconds, want 2000", done)
		}
		if o.waits > crowdedTurn+10*time.Millisecond || o.late > crowdedTurn+10*time.Millisecond {
			t.Errorf("the longest wait was %s, and %s for a refusal", o.waits, o.late)
		}
		if o.turns.free != 2 {
			t.Errorf("%d places are free in the end", o.turns.free)
		}
	})
}

// TestTurnsOfThePatient: a herd that was woken is served whole, however long
// that takes, and usual work goes on beside it.
func TestTurnsOfThePatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &offer{turns: newTurns(1)}
		for range 10_000 {
			o.work("herd", 1, patient, time.Millisecond)
		}
		for range 100 {
			o.work("usual", 1, usual, time.Millisecond)
		}
		o.group.Wait()
		if len(o.gone) != 0 || len(o.ends) != 10_100 {
			t.Errorf("%d were done, %v refused", len(o.ends), o.gone)
		}
		if last := slices.Index(o.ends[202:], "usual"); last >= 0 {
			t.Errorf("usual work was done as the %d. piece, want every second to be", last+202)
		}
	})
}

// TestTurnsLeftBehind: who goes away leaves no place taken, whether it waits or
// is called at that moment.
func TestTurnsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(2)
		take := func(ctx context.Context, weight int) <-chan error {
			done := make(chan error, 1)
			go func() { done <- turns.take(ctx, weight, usual, time.Now()) }() // ends with ctx, or when it has a turn
			synctest.Wait()
			return done
		}
		if err := <-take(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		large, small := take(ctx, 2), take(t.Context(), 1)
		cancel() // only the large one stood in the small one's way
		if err := <-large; !errors.Is(err, errGone) {
			t.Errorf("got %v, want errGone", err)
		}
		if err := <-small; err != nil {
			t.Error(err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		called := take(ctx, 2)
		turns.give(1)
		turns.give(1)
		cancel()
		if err := <-called; err == nil {
			turns.give(2)
		}
		if turns.free != 2 || turns.waiting[usual].Len() != 0 {
			t.Errorf("%d places are free, want 2", turns.free)
		}
	})
}
