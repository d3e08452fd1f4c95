package discover_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/internal/logbook"
)

func TestWatcherFollowsItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"})
		src.Fail(errDown)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()

		synctest.Wait()
		if _, ok := w.Snapshot(); ok {
			t.Error("there is a snapshot before the first answer")
		}
		src.Fail(nil)
		s, err := w.First(t.Context())
		if err != nil || discovertest.IDs(s.Instances) != "1" {
			t.Fatalf("first: got %q, error %v", discovertest.IDs(s.Instances), err)
		}
		changed := w.Changed()
		src.Set("web", discover.Instance{ID: "1"}, discover.Instance{ID: "2"})
		<-changed
		if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2" {
			t.Errorf("after a change: got %q, want 1 2", discovertest.IDs(s.Instances))
		}
	})
}

func TestWatcherWakesForNewContentsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		same := discover.Instance{ID: "1", Tags: []string{"a"}, Meta: map[string]string{"k": "v"}}
		src.Set("web", same)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		before, err := w.First(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		changed := w.Changed()

		time.Sleep(time.Minute)
		src.Set("web", same)
		synctest.Wait()
		after, _ := w.Snapshot()
		if after.Index <= before.Index || !after.Confirmed.After(before.Confirmed) {
			t.Errorf("index %d, confirmed %s: not newer than %d, %s", after.Index, after.Confirmed, before.Index, before.Confirmed)
		}
		select {
		case <-changed:
			t.Error("subscribers were woken for the same contents")
		default:
		}

		for name, other := range map[string]discover.Instance{
			"tags":   {ID: "1", Tags: []string{"b"}, Meta: map[string]string{"k": "v"}},
			"meta":   {ID: "1", Tags: []string{"a"}, Meta: map[string]string{"k": "w"}},
			"port":   {ID: "1", Tags: []string{"a"}, Meta: map[string]string{"k": "v"}, Port: 1},
			"status": {ID: "1", Tags: []string{"a"}, Meta: map[string]string{"k": "v"}, Status: discover.Critical},
		} {
			changed := w.Changed()
			src.Set("web", other)
			time.Sleep(time.Second)
			select {
			case <-changed:
			default:
				t.Errorf("subscribers were not woken for other %s", name)
			}
		}
	})
}

func TestWatcherKeepsTheListWhileItsSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"})
		var log logbook.Book
		w := discover.Watch(src, web, discover.WatchConfig{Logger: log.Logger()})
		defer w.Close()
		if _, err := w.First(t.Context()); err != nil {
			t.Fatal(err)
		}
		changed, confirmed := w.Changed(), time.Now()

		src.Fail(errDown)
		time.Sleep(time.Hour)
		s, ok := w.Snapshot()
		if !ok || discovertest.IDs(s.Instances) != "1" || !errors.Is(s.Err, errDown) || !s.Confirmed.Equal(confirmed) {
			t.Errorf("while the source fails: got %+v, %v", s, ok)
		}

		src.Fail(nil) // nothing changed meanwhile: the answer must come all the same
		time.Sleep(1100 * time.Millisecond)
		if s, _ := w.Snapshot(); s.Err != nil || time.Since(s.Confirmed) > 1100*time.Millisecond {
			t.Errorf("after recovery: error %v, confirmed %s ago", s.Err, time.Since(s.Confirmed))
		}
		select {
		case <-changed:
			t.Error("subscribers were woken though the contents are the same")
		default:
		}
		log.Expect(t, "does not answer", "answers again")
	})
}

// TestWatcherDoubtsARegistryThatForgot: a list empties at once when instances
// leave, but only after a while when a registry was away and knows nobody.
func TestWatcherDoubtsARegistryThatForgot(t *testing.T) {
	start := func(t *testing.T) (*discovertest.Hand, *discover.Watcher) {
		src := discovertest.NewHand()
		src.Set("web", discover.Instance{ID: "1"}, discover.Instance{ID: "2"})
		w := discover.Watch(src, web, discover.WatchConfig{})
		t.Cleanup(func() { _ = w.Close() })
		if _, err := w.First(t.Context()); err != nil {
			t.Fatal(err)
		}
		return src, w
	}
	restart := func(src *discovertest.Hand) {
		src.Fail(errDown)
		time.Sleep(10 * time.Second)
		src.Restart()
		src.Fail(nil)
		time.Sleep(1100 * time.Millisecond) // until it has asked again
	}
	t.Run("the instances return", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src, w := start(t)
			restart(src)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2" || s.Err == nil {
				t.Errorf("back without data: got %q with error %v, want the last list and why", discovertest.IDs(s.Instances), s.Err)
			}
			src.Set("web", discover.Instance{ID: "2"})
			time.Sleep(200 * time.Millisecond)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2" || s.Err == nil {
				t.Errorf("one is back: got %q with error %v, want both, and why", discovertest.IDs(s.Instances), s.Err)
			}
			time.Sleep(3 * time.Second)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "2" || s.Err != nil {
				t.Errorf("after a while: got %q with error %v, want the registry's list", discovertest.IDs(s.Instances), s.Err)
			}
			src.Set("web")
			time.Sleep(200 * time.Millisecond)
			if s, _ := w.Snapshot(); s.Known() != 0 {
				t.Errorf("the last instance left: got %q, want an empty list at once", discovertest.IDs(s.Instances))
			}
		})
	})
	t.Run("all return", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src, w := start(t)
			restart(src)
			src.Set("web", discover.Instance{ID: "1"}, discover.Instance{ID: "2"})
			time.Sleep(200 * time.Millisecond)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2" || s.Err != nil {
				t.Errorf("got %q with error %v, want no doubt any more", discovertest.IDs(s.Instances), s.Err)
			}
			src.Set("web", discover.Instance{ID: "1"})
			time.Sleep(200 * time.Millisecond)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1" {
				t.Errorf("one left: got %q, want that at once", discovertest.IDs(s.Instances))
			}
		})
	})
	t.Run("the registry goes away again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src, w := start(t)
			restart(src) // it is back, and empty
			src.Fail(errDown)
			time.Sleep(time.Hour)
			if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1 2" || !errors.Is(s.Err, errDown) {
				t.Errorf("got %q with error %v, want the last list for as long as nobody answers", discovertest.IDs(s.Instances), s.Err)
			}
		})
	})
	t.Run("nobody returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			src, w := start(t)
			changed := w.Changed()
			restart(src)
			began := time.Now()
			<-changed
			if s, _ := w.Snapshot(); s.Known() != 0 || s.Err != nil {
				t.Errorf("got %q with error %v, want that the empty list is believed", discovertest.IDs(s.Instances), s.Err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("believed after %s more, want within the three seconds of doubt", took)
			}
		})
	})
}

func TestFirstWaitsOverFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Fail(errDown)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := w.First(ctx)
		if !errors.Is(err, discover.ErrUnavailable) || !errors.Is(err, errDown) {
			t.Errorf("got error %v, want ErrUnavailable with the reason", err)
		}
		if s, ok := w.Snapshot(); ok || !errors.Is(s.Err, errDown) {
			t.Errorf("got snapshot %+v, %v; want none, with the reason", s, ok)
		}

		time.AfterFunc(time.Minute, func() { src.Fail(nil) })
		start := time.Now()
		if _, err := w.First(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start) - time.Minute; took < 0 || took > 1100*time.Millisecond {
			t.Errorf("the first answer came %s after recovery, want at most a second", took)
		}
	})
}

func TestWatcherClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		src := sourceFunc(func(ctx context.Context, _ discover.Query, _ uint64) (discover.Snapshot, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // as slow as a source may be
			ended = true
			return discover.Snapshot{}, ctx.Err()
		})
		w := discover.Watch(src, web, discover.WatchConfig{})
		first := make(chan error)
		go func() {
			_, err := w.First(context.Background())
			first <- err
		}()
		synctest.Wait()
		for range 2 {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		if !ended {
			t.Error("Close did not wait for the source")
		}
		if err := <-first; !errors.Is(err, discover.ErrClosed) {
			t.Errorf("a waiting First: got error %v, want ErrClosed", err)
		}
		if _, err := w.First(t.Context()); !errors.Is(err, discover.ErrClosed) {
			t.Errorf("a late First: got error %v, want ErrClosed", err)
		}
	})
}

func TestWatcherIndex(t *testing.T) {
	down := func(context.Context) (discover.Snapshot, error) { return discover.Snapshot{}, errDown }
	at := func(index uint64) func(context.Context) (discover.Snapshot, error) {
		return func(context.Context) (discover.Snapshot, error) {
			return discover.Snapshot{Index: index, Instances: []discover.Instance{{Port: int(index)}}}, nil
		}
	}
	tests := []struct {
		name    string
		answers []func(context.Context) (discover.Snapshot, error)
		asked   []uint64
		want    uint64
	}{
		{"rises", []func(context.Context) (discover.Snapshot, error){at(5), at(7)}, []uint64{0, 5, 7}, 7},
		{"falls: the answer counts and the question goes on from it", []func(context.Context) (discover.Snapshot, error){at(9), at(4)}, []uint64{0, 9, 4}, 4},
		{"0 counts as 1, or the next question would not block", []func(context.Context) (discover.Snapshot, error){at(0)}, []uint64{0, 1}, 1},
		{"falls to 0", []func(context.Context) (discover.Snapshot, error){at(9), at(0)}, []uint64{0, 9, 1}, 1},
		{"after an error the question is new", []func(context.Context) (discover.Snapshot, error){at(9), down, at(9)}, []uint64{0, 9, 0, 9}, 9},
		{"is enormous", []func(context.Context) (discover.Snapshot, error){at(math.MaxUint64)}, []uint64{0, math.MaxUint64}, math.MaxUint64},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []uint64
				src := sourceFunc(func(ctx context.Context, _ discover.Query, after uint64) (discover.Snapshot, error) {
					asked = append(asked, after)
					if len(asked) <= len(test.answers) {
						return test.answers[len(asked)-1](ctx)
					}
					<-ctx.Done()
					return discover.Snapshot{}, ctx.Err()
				})
				w := discover.Watch(src, web, discover.WatchConfig{})
				defer w.Close()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				for i := range max(len(asked), len(test.asked)) {
					if i >= len(asked) || i >= len(test.asked) || asked[i] != test.asked[i] {
						t.Fatalf("asked after %d, want %d", asked, test.asked)
					}
				}
				s, ok := w.Snapshot()
				if !ok || s.Index != test.want || s.Confirmed.IsZero() {
					t.Errorf("got %+v, %v; want index %d", s, ok, test.want)
				}
			})
		})
	}
}

// A registry that does not block, or a service that flaps all the time.
func TestWatcherDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked uint64
		src := sourceFunc(func(context.Context, discover.Query, uint64) (discover.Snapshot, error) {
			asked++
			return discover.Snapshot{Index: asked, Instances: []discover.Instance{{Port: int(asked)}}}, nil
		})
		w := discover.Watch(src, web, discover.WatchConfig{})
		time.Sleep(time.Minute + 50*time.Millisecond) // between two wake-ups
		_ = w.Close()
		if asked < 590 || asked > 605 {
			t.Errorf("asked %d times in a minute, want ten times a second", asked)
		}
		if s, _ := w.Snapshot(); s.Index != asked {
			t.Errorf("got the state of index %d, want the latest, %d", s.Index, asked)
		}
	})
}

func TestWatcherAsksOnceASecondWhileItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Fail(errDown)
		w := discover.Watch(src, web, discover.WatchConfig{})
		time.Sleep(10 * time.Minute)
		_ = w.Close()
		if asked := src.Asked("web"); asked < 600 || asked > 601 {
			t.Errorf("asked %d times in ten minutes of failures, want once a second", asked)
		}
	})
}

func TestTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		down := errors.New("registry is down")
		hand.Fail(down)
		w := discover.Watch(hand, web, discover.WatchConfig{})
		began := time.Now()
		if _, err := w.Tried(t.Context()); !errors.Is(err, discover.ErrUnavailable) || !errors.Is(err, down) || time.Since(began) > 0 {
			t.Errorf("got error %v after %s, want the source's at once", err, time.Since(began))
		}
		hand.Set("web", discover.Instance{ID: "1"})
		hand.Fail(nil)
		if _, err := w.First(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err := w.Tried(t.Context()); err != nil || len(s.Instances) != 1 {
			t.Errorf("got %+v, error %v; want the list", s, err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A question that nobody could answer is said to be that at once, and there is
// nothing to wait for.
func TestWatchOfAnInvalidQuery(t *testing.T) {
	for name, test := range map[string]struct {
		src discover.Source
		q   discover.Query
	}{
		"no service":         {discovertest.NewHand(), discover.Query{}},
		"no such filter":     {discover.Fixed(), discover.Query{Service: "web", Filter: "a == b"}},
		"no such constraint": {discovertest.NewHand(), discover.Query{Service: "web", Consistency: "perhaps"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logbook.Book
				w := discover.Watch(test.src, test.q, discover.WatchConfig{Logger: log.Logger()})
				defer w.Close()
				began := time.Now()
				for _, ask := range []func(context.Context) (discover.Snapshot, error){w.First, w.Tried} {
					if _, err := ask(context.Background()); !errors.Is(err, discover.ErrInvalid) || errors.Is(err, discover.ErrUnavailable) {
						t.Errorf("got error %v, want ErrInvalid alone", err)
					}
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("to hear that took %s", took)
				}
				log.Expect(t, "nothing to ask a registry, and there is no list yet")
			})
		})
	}
}

// The log says whether there is a list that is kept.
func TestWatcherSaysThatThereIsNoList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Fail(errDown)
		var log logbook.Book
		w := discover.Watch(src, web, discover.WatchConfig{Logger: log.Logger()})
		defer w.Close()
		time.Sleep(time.Minute)
		src.Fail(fmt.Errorf("%w: no such filter", discover.ErrRefused))
		time.Sleep(time.Minute)
		src.Fail(nil)
		time.Sleep(time.Minute)
		src.Fail(errDown)
		time.Sleep(time.Minute)
		log.Expect(t, "registry does not answer, and there is no list yet", "answers again", "registry refuses the question, and there is no list yet",
			"answers again", "registry does not answer, keeping the last list")
	})
}

// TestFirstRefused: a question that the registry has for wrong is not waited for.
func TestFirstRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Fail(errDown)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		began := time.Now()
		time.AfterFunc(10*time.Second, func() { src.Fail(fmt.Errorf("%w: no such datacenter", discover.ErrRefused)) })
		_, err := w.First(t.Context())
		if took := time.Since(began); !errors.Is(err, discover.ErrRefused) || took < 10*time.Second || took > 12*time.Second {
			t.Errorf("got error %v after %s, want ErrRefused soon after ten seconds", err, took)
		}
		src.Fail(nil)
		time.Sleep(2 * time.Second)
		if _, err := w.First(t.Context()); err != nil {
			t.Errorf("it is answered again: got error %v", err)
		}
	})
}
