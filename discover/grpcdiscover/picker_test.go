package grpcdiscover

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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

// An attempt that was not sent, or whose caller went away before there was an
// answer, is neither a failure of the instance nor a success.
func TestWhatSaysNothing(t *testing.T) {
	canceled, failed := status.Error(codes.Canceled, "gone"), status.Error(codes.Unavailable, "away")
	for name, test := range map[string]struct {
		between balancer.DoneInfo
		alarm   bool // two failures in a row
	}{
		"not sent":         {balancer.DoneInfo{}, true},
		"canceled":         {balancer.DoneInfo{Err: canceled, BytesSent: true}, true},
		"canceled halfway": {balancer.DoneInfo{Err: canceled, BytesSent: true, BytesReceived: true}, false},
		"answered":         {balancer.DoneInfo{BytesSent: true, BytesReceived: true}, false},
	} {
		for _, observe := range []func(balance.Attempt){nil, func(balance.Attempt) {}} {
			now := time.Now()
			set := balance.NewSet()
			targets := set.Update([]discover.Instance{{ID: "1", Port: 1}}, now)
			plan := set.Plan(balance.Outlier(balance.OutlierConfig{InARow: 2}, balance.Random()), targets, now)
			p := &picker{choose: plan.Picker, failed: Failed, observe: observe}
			for _, end := range []balancer.DoneInfo{{Err: failed, BytesSent: true}, test.between, {Err: failed, BytesSent: true}} {
				result, err := p.Pick(balancer.PickInfo{Ctx: t.Context()})
				if err != nil {
					t.Fatal(err)
				}
				result.Done(end)
			}
			if alarm := len(set.Stale()) > 0; alarm != test.alarm {
				t.Errorf("%s, observed: %t: two failures around it are in a row: %t", name, observe != nil, alarm)
			}
		}
	}
}
