package retry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover/retry"
)

func TestBudgetIsAShareOfTheCallsAndAFew(t *testing.T) {
	retries := func(b *retry.Budget) (n int) {
		for n < 10_000 && b.Retry() {
			n++
		}
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBudget(retry.BudgetConfig{})
		if got := retries(b); got != 100 {
			t.Errorf("without a call: %d retries, want 10 a second for 10s", got)
		}
		for range 50 {
			b.Call()
		}
		if got := retries(b); got != 10 {
			t.Errorf("after 50 calls: %d retries more, want a fifth", got)
		}
		time.Sleep(9 * time.Second)
		for range 5 {
			b.Call()
		}
		if got := retries(b); got != 1 {
			t.Errorf("9s and 5 calls later: %d retries, want 1", got)
		}
		time.Sleep(time.Second) // what was taken at first counts no more
		if got := retries(b); got != 100 {
			t.Errorf("10s later: %d retries, want 100", got)
		}
		for range 1000 {
			b.Call()
		}
		time.Sleep(time.Minute)
		if got := retries(b); got != 100 {
			t.Errorf("a minute later: %d retries, want 100", got)
		}
	})
	if got := retries(retry.NewBudget(retry.BudgetConfig{PerSecond: -1, Share: -1})); got != 0 {
		t.Errorf("no budget: %d retries", got)
	}
	var none *retry.Budget
	none.Call()
	if !none.Retry() {
		t.Error("a nil budget allows no retry")
	}
}

// Where all calls fail and each is retried as often as it may, there are no more
// retries than the share, for as long as it lasts.
func TestBudgetHoldsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBudget(retry.BudgetConfig{PerSecond: -1})
		calls, retries := 0, 0
		for range 60_000 {
			time.Sleep(time.Millisecond)
			calls++
			b.Call()
			for range 3 {
				if b.Retry() {
					retries++
				}
			}
		}
		if share := float64(retries) / float64(calls); share < 0.19 || share > 0.2001 {
			t.Errorf("%d retries of %d calls, want a fifth", retries, calls)
		}
	})
}
