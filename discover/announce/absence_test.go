package announce_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/discovertest"
)

func TestAwaitAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"}, discover.Instance{ID: "2"})
		time.AfterFunc(1*time.Second, func() {
			src.Set("web", discover.Instance{ID: "1", Status: discover.Critical}, discover.Instance{ID: "2"})
		})
		time.AfterFunc(2*time.Second, func() { src.Fail(errDown) })
		time.AfterFunc(10*time.Second, func() { src.Set("web", discover.Instance{ID: "2"}) })
		time.AfterFunc(11*time.Second, func() { src.Fail(nil) })

		start := time.Now()
		if err := announce.AwaitAbsence(t.Context(), src, web, "1"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 11*time.Second || took > 12100*time.Millisecond {
			t.Errorf("it took %s, want between 11 and 12 s", took)
		}
		if err := announce.AwaitAbsence(t.Context(), src, web, "3"); err != nil {
			t.Errorf("of an instance that never was: %v", err)
		}
	})
}

func TestAwaitAbsenceInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := announce.AwaitAbsence(ctx, src, web, "1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of one that stays: got error %v, want the context's", err)
		}
		src.Fail(errDown)
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := announce.AwaitAbsence(ctx, src, web, "1"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errDown) {
			t.Errorf("while the registry is away: got error %v, want the context's and the reason", err)
		}
		if err := announce.AwaitAbsence(t.Context(), src, discover.Query{}, "1"); !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("without a service: got error %v, want ErrInvalid", err)
		}
	})
}
