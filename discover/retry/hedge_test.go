package retry_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover/retry"
)

// after returns a call that takes so long for its n-th time, and fails where
// that is below 0.
func after(times ...time.Duration) (call func(context.Context, int) (int, error), made *atomic.Int64) {
	made = new(atomic.Int64)
	return func(ctx context.Context, n int) (int, error) {
		made.Add(1)
		select {
		case <-time.After(times[n].Abs()):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if times[n] < 0 {
			return 0, errors.New("broken")
		}
		return n, nil
	}, made
}

func TestHedge(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name   string
		calls  int
		times  []time.Duration
		budget *retry.Budget
		want   int // which won, -1 for none
		took   time.Duration
		made   int64
	}{
		{"the first is fast", 2, []time.Duration{5 * ms, ms}, nil, 0, 5 * ms, 1},
		{"the second is faster", 2, []time.Duration{time.Second, 5 * ms}, nil, 1, 15 * ms, 2},
		{"the first is faster all the same", 2, []time.Duration{12 * ms, 5 * ms}, nil, 0, 12 * ms, 2},
		{"the third", 3, []time.Duration{time.Second, time.Second, ms}, nil, 2, 21 * ms, 3},
		{"the first fails", 2, []time.Duration{-ms, ms}, nil, 1, 2 * ms, 2},
		{"both fail", 2, []time.Duration{-ms, -ms}, nil, -1, 2 * ms, 2},
		{"one fails, one is slow", 2, []time.Duration{-50 * ms, 100 * ms}, nil, 1, 110 * ms, 2},
		{"no budget", 2, []time.Duration{time.Second, ms}, retry.NewBudget(retry.BudgetConfig{PerSecond: -1}), 0, time.Second, 1},
		{"no budget for what failed", 2, []time.Duration{-ms, ms}, retry.NewBudget(retry.BudgetConfig{PerSecond: -1}), -1, ms, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &retry.Hedger{Calls: test.calls, Budget: test.budget, Delay: func() time.Duration { return 10 * ms }}
				call, made := after(test.times...)
				begin := time.Now()
				got, release, err := retry.Hedge(t.Context(), h, call, nil)
				if err != nil {
					got = -1
				}
				if took := time.Since(begin); got != test.want || took != test.took || made.Load() != test.made {
					t.Errorf("call %d won after %s, %d were made, error %v; want call %d, %s and %d", got, took, made.Load(), err, test.want, test.took, test.made)
				}
				release()
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestHedgeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &retry.Hedger{Delay: func() time.Duration { return time.Second }}
		defer h.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		call, made := after(time.Hour, time.Hour)
		_, release, err := retry.Hedge(ctx, h, call, nil)
		release()
		if !errors.Is(err, context.DeadlineExceeded) || made.Load() != 2 {
			t.Errorf("got error %v after %d calls", err, made.Load())
		}
	})
}

// The winner's context lives until release; the losers' end at once, what they
// bring all the same is thrown away, and Close waits for that.
func TestHedgeLooksAfterWinnerAndLosers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &retry.Hedger{Delay: func() time.Duration { return time.Second }}
		contexts := make([]context.Context, 2)
		var discarded atomic.Int64
		discarded.Store(-1)
		got, release, err := retry.Hedge(t.Context(), h, func(ctx context.Context, n int) (int, error) {
			contexts[n] = ctx
			if n == 0 {
				<-ctx.Done()
				time.Sleep(time.Minute) // it is slow to notice, and succeeds
			}
			return n, nil
		}, func(n int) { discarded.Store(int64(n)) })
		if got != 1 || err != nil {
			t.Fatalf("got %d, error %v", got, err)
		}
		if contexts[1].Err() != nil || contexts[0].Err() == nil {
			t.Errorf("the winner's context has %v, the loser's %v", contexts[1].Err(), contexts[0].Err())
		}
		release()
		if contexts[1].Err() == nil {
			t.Error("after release the winner's context lives")
		}
		if err := h.Close(); err != nil || discarded.Load() != 0 {
			t.Errorf("Close: error %v, discarded %d, want the loser's result", err, discarded.Load())
		}
	})
}

func TestPercentile(t *testing.T) {
	p := retry.NewPercentile(0.95, time.Second)
	if got := p.Value(); got != time.Second {
		t.Errorf("before any call: got %s", got)
	}
	observe := func(scale time.Duration) {
		for i := range 10_000 {
			p.Observe(time.Duration(i%100+1) * scale)
		}
		if got, want := p.Value(), 95*scale; got < want || got > want*9/8 {
			t.Errorf("of 1 to 100 times %s: got %s, want %s and at most an eighth more", scale, got, want)
		}
	}
	observe(time.Millisecond)
	observe(20 * time.Millisecond) // it forgets
	observe(time.Microsecond)
	p.Observe(-1)
	p.Observe(1<<63 - 1)
}

// Where the budget refuses a second call, it is not asked for one again and again.
func TestHedgeIsRefusedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := &retry.Hedger{Budget: retry.NewBudget(retry.BudgetConfig{PerSecond: -1}), Delay: func() time.Duration {
			if asked++; asked > 100 {
				return time.Hour // else this test would not end
			}
			return 0
		}}
		call, _ := after(time.Second)
		_, release, err := retry.Hedge(t.Context(), h, call, nil)
		release()
		if err != nil || asked > 1 {
			t.Errorf("its delay was asked for %d times, error %v", asked, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}
