package grpcdiscover

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/balancer"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// A connection that was closed a moment ago is no failure of the instance's, and
// why there is another attempt.
func TestWhatWasNotSentIsACause(t *testing.T) {
	now := time.Now()
	set := balance.NewSet()
	targets := set.Update([]discover.Instance{{ID: "1", Port: 1}, {ID: "2", Port: 2}}, now)
	var told []balance.Attempt
	p := &picker{
		choose:  set.Plan(balance.Random(), targets, now).Picker,
		failed:  Failed,
		observe: func(a balance.Attempt) { told = append(told, a) },
	}
	info := balancer.PickInfo{Ctx: remember(t.Context())}
	for _, end := range []balancer.DoneInfo{{}, {BytesSent: true, BytesReceived: true}} {
		result, err := p.Pick(info)
		if err != nil {
			t.Fatal(err)
		}
		result.Done(end)
	}
	if a := told[0]; a.Number != 1 || a.Cause != nil || !errors.Is(a.Err, balance.ErrUnreachable) || a.Failed {
		t.Errorf("what was not sent: got %+v", a)
	}
	if a := told[1]; a.Number != 2 || !errors.Is(a.Cause, balance.ErrUnreachable) || a.Err != nil || a.Target == told[0].Target {
		t.Errorf("what was sent then: got %+v", a)
	}
}
