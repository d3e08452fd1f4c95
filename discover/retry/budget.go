package retry

import (
	"cmp"
	"sync"
	"time"
)

// BudgetConfig says how many retries there may be; the zero value has
// Finagle's.
type BudgetConfig struct {
	Share     float64       // retries for each call; 0 means 0.2, less than 0 none
	PerSecond float64       // retries besides, for those who rarely call; 0 means 10, less than 0 none
	Window    time.Duration // how long a call counts; 0 means 10 s
}

// Budget bounds retries and hedges to a share of the calls, as Finagle's
// RetryBudget does. A nil Budget allows everything. Its methods do not block,
// and may be called concurrently.
type Budget struct {
	share, floor float64       // retries for a call, and in a window without any
	slot         time.Duration // a part of the window
	born         time.Time

	mu      sync.Mutex
	current int64                // the number of the slot that it is now
	balance [budgetSlots]float64 // what calls brought, less what retries took, by slot
}

const budgetSlots = 10

// NewBudget returns a budget that nobody has used yet.
func NewBudget(cfg BudgetConfig) *Budget {
	window := cmp.Or(cfg.Window, 10*time.Second)
	return &Budget{
		share: max(0, cmp.Or(cfg.Share, 0.2)),
		floor: max(0, cmp.Or(cfg.PerSecond, 10)) * window.Seconds(),
		slot:  max(1, window/budgetSlots),
		born:  time.Now(),
	}
}

// Call notes that a call begins that is no retry.
func (b *Budget) Call() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.now() += b.share
}

// Retry reports whether there may be a retry now, and takes it from the budget.
func (b *Budget) Retry() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	left := b.floor
	for _, balance := range b.balance {
		left += balance
	}
	const rounding = 1e-6
	if left < 1-rounding {
		return false
	}
	*now--
	return true
}

// now returns the balance of the slot that it is now, and forgets what is older
// than the window. The caller holds mu.
func (b *Budget) now() *float64 {
	slot := max(b.current, int64(time.Since(b.born)/b.slot))
	for gone := min(slot-b.current, budgetSlots); gone > 0; gone-- {
		b.balance[(slot-gone+1)%budgetSlots] = 0
	}
	b.current = slot
	return &b.balance[slot%budgetSlots]
}
