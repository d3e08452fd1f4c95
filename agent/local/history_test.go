package local

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/state"
)

func TestHistoryIsBounded(t *testing.T) {
	var h history
	began := time.Now()
	say := func(n int, output string, held bool) {
		report := check.Report{Result: check.Result{Status: state.Passing, Output: output}, Held: held}
		h.add(report, began.Add(time.Duration(n)*time.Second))
	}
	for n := range 100 {
		say(n, fmt.Sprintf("%03d", n)+strings.Repeat("x", 10*lookOutput), false)
	}
	if len(h.looks) != maxLooks {
		t.Fatalf("%d looks are kept, want %d", len(h.looks), maxLooks)
	}
	for n, l := range h.looks {
		if want := fmt.Sprintf("%03d", 90+n); !strings.HasPrefix(l.Output, want) || len(l.Output) != lookOutput || l.Count != 1 {
			t.Errorf("look %d begins with %.5q and is %d bytes long, want %s and %d", n, l.Output, len(l.Output), want, lookOutput)
		}
	}
	for n := range 5 {
		say(100+n, "same", false)
	}
	say(105, "same", true)
	same, held := h.looks[maxLooks-2], h.looks[maxLooks-1]
	if want := (Look{state.Passing, "same", false, began.Add(100 * time.Second), began.Add(104 * time.Second), 5}); same != want {
		t.Errorf("got %+v, want %+v", same, want)
	}
	if !held.Held || held.Count != 1 {
		t.Errorf("got %+v, want one that the thresholds held", held)
	}
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, stop := start(t)
		defer stop()
		began := time.Now()
		c := ttl(10 * time.Second)
		c.Status = state.Passing
		register(t, l, "web-1", c)
		for range 3 {
			time.Sleep(5 * time.Second)
			if err := l.UpdateTTL("service:web-1", state.Passing, "fine"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		register(t, l, "web-1", c) // again, as it is
		got, err := l.History("service:web-1")
		if err != nil {
			t.Fatal(err)
		}
		at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
		want := []Look{
			{state.Critical, "TTL expired (last output before timeout follows): fine", false, at(25), at(25), 1},
			{state.Passing, "fine", false, at(5), at(15), 3},
		}
		if got.Status != state.Critical || !got.Changed.Equal(at(25)) || fmt.Sprint(got.Looks) != fmt.Sprint(want) {
			t.Errorf("got  %+v\nwant critical since %s, after %+v", got, at(25), want)
		}
		if _, err := l.History("none"); !errors.Is(err, UnknownCheck("none")) {
			t.Errorf("of an unknown check: got %v", err)
		}
	})
}

// TestRemovalToTheSecond: a service is removed when it was said, down to a
// second.
func TestRemovalToTheSecond(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 2500 * time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			l, store, stop := start(t)
			defer stop()
			c := ttl(time.Second)
			c.Status, c.DeregisterAfter = state.Passing, after
			register(t, l, "web-1", c)
			time.Sleep(time.Second + after - time.Nanosecond)
			synctest.Wait()
			if store.Snapshot().Service("n1", "web-1") == nil {
				t.Fatalf("%s: removed too early", after)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if store.Snapshot().Service("n1", "web-1") != nil {
				t.Errorf("%s: still there when its time is over", after)
			}
		})
	}
}

func TestDampingByConfiguration(t *testing.T) {
	l := &Local{config: Config{FlapDamping: time.Minute}}
	for _, tc := range []struct {
		name       string
		definition check.Definition
		want       time.Duration
	}{
		{"says nothing", check.Definition{TCP: "x:1"}, time.Minute},
		{"says otherwise", check.Definition{TCP: "x:1", FlapDamping: time.Second}, time.Second},
		{"wants none", check.Definition{TCP: "x:1", FlapDamping: -1}, -1},
		{"a TTL", check.Definition{TTL: 1}, 0},
		{"an alias", check.Definition{AliasService: "x"}, 0},
	} {
		if got := l.damped(tc.definition).FlapDamping; got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}
