package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realjf/muster/discover/retry"
)

// A call that failed is made again, as long as not too many fail.
func ExampleBudget() {
	budget := retry.NewBudget(retry.BudgetConfig{}) // one for all calls to a service

	call := func(n int) error {
		if n < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	budget.Call()
	for n := 1; ; n++ {
		err := call(n)
		if err == nil || !budget.Retry() {
			fmt.Println("call", n, err)
			return
		}
	}
	// Output: call 3 <nil>
}

func ExampleHedge() {
	usual := retry.NewPercentile(0.95, 50*time.Millisecond) // told of every call
	hedger := &retry.Hedger{Delay: usual.Value}
	defer hedger.Close()

	answer, release, err := retry.Hedge(context.Background(), hedger, func(ctx context.Context, n int) (string, error) {
		if n == 0 {
			<-ctx.Done() // the first one hangs
			return "", ctx.Err()
		}
		return "answer", nil
	}, nil)
	defer release()
	fmt.Println(answer, err)
	// Output: answer <nil>
}
