package alarm

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := New[string]()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		began := time.Now()
		rang := map[string][]time.Duration{}
		running.Go(func() {
			clock.Run(ctx, func(key string) {
				rang[key] = append(rang[key], time.Since(began))
				if key == "again" && len(rang[key]) < 3 {
					clock.Set(key, time.Now().Add(10*time.Second))
				}
			})
		})
		at := func(d time.Duration) time.Time { return began.Add(d) }
		clock.Set("late", at(time.Minute))
		clock.Set("early", at(time.Second))
		clock.Set("past", at(-time.Hour))
		clock.Set("stopped", at(time.Second))
		clock.Set("postponed", at(time.Second))
		clock.Set("advanced", at(time.Hour))
		clock.Set("again", at(time.Second))
		clock.Stop("stopped")
		clock.Stop("unknown")
		clock.Set("postponed", at(2*time.Minute))
		clock.Set("advanced", at(30*time.Second))
		if !clock.Waits("late") || clock.Waits("stopped") {
			t.Error("Waits does not know who waits")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		cancel()
		running.Wait()
		for key, want := range map[string][]time.Duration{
			"late": {time.Minute}, "early": {time.Second}, "past": {0}, "stopped": nil,
			"postponed": {2 * time.Minute}, "advanced": {30 * time.Second},
			"again": {time.Second, 11 * time.Second, 21 * time.Second},
		} {
			if !slices.Equal(rang[key], want) {
				t.Errorf("%s rang at %v, want %v", key, rang[key], want)
			}
		}
	})
}

// TestTogether: what is due at the same time rings in the order in which that
// was said.
func TestTogether(t *testing.T) {
	clock := New[int]()
	due := time.Now()
	for key := range 100 {
		clock.Set(key, due.Add(time.Hour))
	}
	var want []int
	for n := range 100 {
		key := n * 37 % 100
		clock.Set(key, due)
		want = append(want, key)
	}
	if got, _ := clock.take(due); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
