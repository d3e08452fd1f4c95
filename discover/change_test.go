package discover_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

func show(c discover.Change) string {
	return fmt.Sprintf("+%s -%s ~%s", discovertest.IDs(c.Added), discovertest.IDs(c.Removed), discovertest.IDs(c.Changed))
}

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", some("1 2")...)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changes := w.Changes(ctx)
		expect := func(want string) {
			t.Helper()
			time.Sleep(time.Second)
			select {
			case c, open := <-changes:
				if got := show(c); !open || got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			default:
				t.Errorf("got nothing, want %s", want)
			}
		}
		set := func(all ...discover.Instance) {
			src.Set("web", all...)
			time.Sleep(time.Second)
		}
		expect("+1 2 - ~")
		set(some("2 3")...)
		expect("+3 -1 ~")
		set(some("2! 3")...)
		expect("+ -2 ~")
		tagged := some("3")
		tagged[0].Tags = []string{"v2"}
		set(tagged...)
		expect("+ - ~3")

		// Who did not look for a while gets one change that says all, and none
		// when all is as it was.
		set(some("3 4")...)
		set(some("4 5")...)
		expect("+4 5 -3 ~")
		set(some("4")...)
		set(some("4 5")...)
		synctest.Wait()
		select {
		case c := <-changes:
			t.Errorf("got %s though all is as it was", show(c))
		default:
		}
		cancel()
		synctest.Wait()
		if _, open := <-changes; open {
			t.Error("the channel stays open after the context ended")
		}
	})
}

func TestChangesEndWithTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := discover.Watch(discovertest.NewHand(), web, discover.WatchConfig{})
		before := w.Changes(context.Background())
		_ = w.Close()
		for _, changes := range []<-chan discover.Change{before, w.Changes(context.Background())} {
			if _, open := <-changes; open {
				t.Error("the channel stays open after the watch was closed")
			}
		}
	})
}

func TestSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := discovertest.NewHand()
		src.Set("web", some("1")...)
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		var got []string
		for s := range w.Snapshots(t.Context()) {
			got = append(got, discovertest.IDs(s.Instances))
			if len(got) == 3 {
				break
			}
			// Two changes while the loop's body is at work: the latest counts.
			src.Set("web")
			time.Sleep(time.Second)
			src.Set("web", some(fmt.Sprint(len(got)+1))...)
			time.Sleep(time.Second)
		}
		if fmt.Sprint(got) != "[1 2 3]" {
			t.Errorf("got %v, want the latest each time", got)
		}
		go w.Close()
		for range w.Snapshots(context.Background()) { // ends with the watch
		}
	})
}
