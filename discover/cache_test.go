package discover_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/internal/logbook"
)

// cached runs test in a bubble with a cache of what a hand-driven source
// knows: instance 1 of web.
func cached(t *testing.T, cfg discover.CacheConfig, test func(t *testing.T, src *discovertest.Hand, cache *discover.Cache)) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"})
		cache := discover.NewCache(src, cfg)
		defer cache.Close()
		test(t, src, cache)
	})
}

func TestCacheSharesOneWatch(t *testing.T) {
	cached(t, discover.CacheConfig{}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if s, err := cache.Get(t.Context(), web); err != nil || discovertest.IDs(s.Instances) != "1" {
					t.Errorf("got %q, error %v", discovertest.IDs(s.Instances), err)
				}
			})
		}
		callers.Wait()
		synctest.Wait()
		if asked := src.Asked("web"); asked != 2 { // the first answer, and the wait for the next
			t.Errorf("the source was asked %d times, want 2", asked)
		}
		src.Set("web")
		synctest.Wait()
		if s, err := cache.Get(t.Context(), web); err != nil || s.Known() != 0 {
			t.Errorf("after a change: got %q, error %v", discovertest.IDs(s.Instances), err)
		}
	})
}

func TestCacheAnswersFromMemory(t *testing.T) {
	cached(t, discover.CacheConfig{}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		if _, err := cache.Get(t.Context(), web); err != nil {
			t.Fatal(err)
		}
		src.Fail(errDown)
		time.Sleep(time.Minute)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := cache.Get(ended, web)
		if err != nil || discovertest.IDs(s.Instances) != "1" || !errors.Is(s.Err, errDown) {
			t.Errorf("got %q with error %v, error %v", discovertest.IDs(s.Instances), s.Err, err)
		}
	})
}

func TestCacheSaysWhyAtOnce(t *testing.T) {
	cached(t, discover.CacheConfig{}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		src.Fail(errDown)
		for range 2 {
			start := time.Now()
			_, err := cache.Get(t.Context(), web)
			if !errors.Is(err, discover.ErrUnavailable) || !errors.Is(err, errDown) {
				t.Errorf("got error %v, want ErrUnavailable with the reason", err)
			}
			if took := time.Since(start); took > 0 {
				t.Errorf("it took %s to say so", took)
			}
		}
		src.Fail(nil)
		time.Sleep(1100 * time.Millisecond)
		if _, err := cache.Get(t.Context(), web); err != nil {
			t.Errorf("after recovery: %v", err)
		}
	})
}

func TestCacheOutlivesItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := sourceFunc(func(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
			if err := wait(ctx, time.Minute); err != nil {
				return discover.Snapshot{}, err
			}
			return discover.Snapshot{Index: after + 1}, nil
		})
		cache := discover.NewCache(src, discover.CacheConfig{})
		defer cache.Close()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := cache.Get(ctx, web)
		if !errors.Is(err, discover.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got error %v after %s", err, time.Since(start))
		}
		if _, err := cache.Get(t.Context(), web); err != nil || time.Since(start) != time.Minute {
			t.Errorf("the second caller: error %v after %s, want the first caller's answer after a minute", err, time.Since(start))
		}
	})
}

func TestCacheLimit(t *testing.T) {
	cached(t, discover.CacheConfig{Limit: 2}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		for _, service := range []string{"a", "b", "a", "c"} { // c drives out b
			time.Sleep(time.Second)
			if _, err := cache.Get(t.Context(), discover.Query{Service: service}); err != nil {
				t.Fatal(err)
			}
		}
		watched := make(map[string]bool)
		for q := range cache.Each {
			watched[q.Service] = true
		}
		if len(watched) != 2 || !watched["a"] || !watched["c"] {
			t.Errorf("watched are %v, want a and c", watched)
		}
	})
}

func TestCacheBeyondItsLimitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := sourceFunc(func(ctx context.Context, _ discover.Query, _ uint64) (discover.Snapshot, error) {
			<-ctx.Done()
			return discover.Snapshot{}, ctx.Err()
		})
		cache := discover.NewCache(silent, discover.CacheConfig{Limit: 2})
		errs := make(chan error, 3)
		var callers sync.WaitGroup
		for i := range 3 {
			callers.Go(func() {
				_, err := cache.Get(context.Background(), discover.Query{Service: fmt.Sprint(i)})
				errs <- err
			})
		}
		if err := <-errs; !errors.Is(err, discover.ErrUnavailable) || errors.Is(err, discover.ErrClosed) {
			t.Errorf("the one driven out: got error %v, want ErrUnavailable", err)
		}
		_ = cache.Close()
		callers.Wait()
		for range 2 {
			if err := <-errs; !errors.Is(err, discover.ErrClosed) {
				t.Errorf("the others: got error %v, want ErrClosed", err)
			}
		}
	})
}

func TestCacheFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"})
		c := discover.NewCache(src, discover.CacheConfig{Limit: 1})
		defer c.Close()
		one, err := c.Follow(web)
		if err != nil {
			t.Fatal(err)
		}
		two, err := c.Follow(web)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := one.First(t.Context()); err != nil || discovertest.IDs(s.Instances) != "1" {
			t.Errorf("got %q, error %v", discovertest.IDs(s.Instances), err)
		}
		time.Sleep(time.Hour) // is no reason to end what is followed
		src.Set("web", discover.Instance{ID: "2"})
		time.Sleep(time.Second)
		if s, _ := two.Snapshot(); discovertest.IDs(s.Instances) != "2" {
			t.Errorf("after an hour: got %q, want 2", discovertest.IDs(s.Instances))
		}

		other := discover.Query{Service: "other"}
		if _, err := c.Get(t.Context(), other); !errors.Is(err, discover.ErrUnavailable) {
			t.Errorf("one question more than the limit: got error %v, want ErrUnavailable", err)
		}
		_ = one.Close()
		_ = one.Close() // counts once
		if _, err := c.Follow(other); !errors.Is(err, discover.ErrUnavailable) {
			t.Errorf("while it is still followed: got error %v, want ErrUnavailable", err)
		}
		_ = two.Close()
		if _, err := c.Get(t.Context(), other); err != nil {
			t.Errorf("when nobody follows: got error %v, want that the other is watched", err)
		}
		if _, err := c.Follow(discover.Query{}); !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("nonsense: got error %v, want ErrInvalid", err)
		}
	})
}

func TestCacheClosesIdleWatches(t *testing.T) {
	cached(t, discover.CacheConfig{Idle: time.Minute}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		for range 10 { // half a minute apart: in use
			if _, err := cache.Get(t.Context(), web); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
		}
		if asked := src.Asked("web"); asked != 2 {
			t.Errorf("the source was asked %d times, want 2 of one watch", asked)
		}
		time.Sleep(time.Minute)
		for q := range cache.Each {
			t.Errorf("%v is still watched", q)
		}
		if _, err := cache.Get(t.Context(), web); err != nil {
			t.Errorf("asked again: %v", err)
		}
	})
}

func TestCacheClose(t *testing.T) {
	cached(t, discover.CacheConfig{}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		if _, err := cache.Get(t.Context(), web); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := cache.Close(); err != nil {
				t.Error(err)
			}
		}
		for _, q := range []discover.Query{web, {Service: "new"}} {
			if _, err := cache.Get(t.Context(), q); !errors.Is(err, discover.ErrClosed) {
				t.Errorf("%v: got error %v, want ErrClosed", q, err)
			}
		}
	})
}

func TestCacheCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int32
		src := sourceFunc(func(ctx context.Context, _ discover.Query, after uint64) (discover.Snapshot, error) {
			if after == 0 {
				return discover.Snapshot{Index: 1}, nil
			}
			<-ctx.Done()
			time.Sleep(time.Second) // as slow as a source may be
			ended.Add(1)
			return discover.Snapshot{}, ctx.Err()
		})
		cache := discover.NewCache(src, discover.CacheConfig{Limit: 1})
		for _, service := range []string{"a", "b"} { // b drives out a
			if _, err := cache.Get(t.Context(), discover.Query{Service: service}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		_ = cache.Close()
		if ended.Load() != 2 {
			t.Errorf("%d of 2 watches had ended when Close returned", ended.Load())
		}
	})
}

// Callers that ask the same new question at the same moment.
func TestCacheStampede(t *testing.T) {
	cached(t, discover.CacheConfig{}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		for i := range 100 {
			q := discover.Query{Service: fmt.Sprint(i)}
			start := make(chan struct{})
			var callers sync.WaitGroup
			for range 20 {
				callers.Go(func() {
					<-start
					if _, err := cache.Get(t.Context(), q); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			close(start)
			callers.Wait()
			synctest.Wait()
			if asked := src.Asked(q.Service); asked > 2 {
				t.Fatalf("the source was asked %d times, want 2 of one watch", asked)
			}
		}
	})
}

func TestCacheRefusesNonsense(t *testing.T) {
	cached(t, discover.CacheConfig{}, func(t *testing.T, src *discovertest.Hand, cache *discover.Cache) {
		for _, name := range []string{"", "a\x00", "../agent/self", "a/", "\xff"} {
			if _, err := cache.Get(t.Context(), discover.Query{Service: name}); !errors.Is(err, discover.ErrInvalid) {
				t.Errorf("%q: got error %v, want ErrInvalid", name, err)
			}
			if src.Asked(name) > 0 {
				t.Errorf("%q: the source was asked", name)
			}
		}
	})
}

func BenchmarkCacheGet(b *testing.B) {
	cache := discover.NewCache(discover.Fixed(discover.Instance{ID: "1", Service: "web"}), discover.CacheConfig{})
	defer cache.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := cache.Get(b.Context(), web); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// wait waits for d or for ctx to end, and returns ctx's error.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestCacheTellsOfAnOutageOnce, however many it watches.
func TestCacheTellsOfAnOutageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		var log logbook.Book
		c := discover.NewCache(src, discover.CacheConfig{Logger: log.Logger()})
		defer c.Close()
		ask := func(n int) {
			_, _ = c.Get(t.Context(), discover.Query{Service: fmt.Sprint("web-", n)}) // whether there is an answer
		}
		for n := range 10 {
			ask(n)
		}
		for range 2 {
			src.Fail(errDown)
			time.Sleep(time.Minute)
			ask(10) // which begins while there is no answer
			src.Fail(nil)
			time.Sleep(time.Minute)
		}
		log.Expect(t, "does not answer", "watches=11", "does not answer", "watches=11")
	})
}
