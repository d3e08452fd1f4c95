package check

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/state"
)

// TestEveryGaugeCanBeRead: on this machine each says something, or why it
// cannot.
func TestEveryGaugeCanBeRead(t *testing.T) {
	limits := map[measure]string{share: "100%", number: "1000000", span: "1000s"}
	for _, g := range gauges {
		text := g.name
		if g.ofPath {
			text += ":" + t.TempDir()
		}
		limit := limits[g.measures[0]]
		if g.free {
			limit = "1B"
		}
		d := Definition{Host: text + g.sign() + limit, Interval: time.Second}
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", g.name, err)
			continue
		}
		if d.Kind() != "host" {
			t.Errorf("%s is of the kind %q", g.name, d.Kind())
		}
		got := newHost(nil, d).probe(t.Context())
		if got.Status != state.Passing || !strings.HasPrefix(got.Output, strings.TrimSuffix(g.name, "-free")) {
			t.Errorf("%s: got %+v, want that it is passing", d.Host, got)
		}
	}
}

func TestHostOfAPathThatIsNotThere(t *testing.T) {
	got := newHost(nil, Definition{Host: "disk:/there/is/no/such<90%"}).probe(t.Context())
	if got.Status != state.Critical || !strings.Contains(got.Output, "disk /there/is/no/such: no such file") {
		t.Errorf("got %+v, want that it is critical", got)
	}
}

func TestHostStandsAlone(t *testing.T) {
	for _, d := range []Definition{
		{Host: "memory<90%", HTTP: "http://x", Interval: 1}, {Host: "memory<90%", TCP: "x:1", Interval: 1}, {Host: "memory<90%", AliasService: "x"},
	} {
		if got := d.Validate(); got != ErrHostAlone {
			t.Errorf("%+v: got %v, want %v", d, got, ErrHostAlone)
		}
	}
	if got := (Definition{Host: "memory<90%"}).Validate(); got != ErrNoInterval {
		t.Errorf("without an interval: got %v", got)
	}
	if got := (Definition{Host: "memory", Interval: 1}).Validate(); got == nil || !strings.HasPrefix(got.Error(), `bound "memory": `) {
		t.Errorf("without a limit: got %v", got)
	}
}

// TestHungFileSystemIsAskedOnce: one that does not answer makes the check
// critical, and holds one goroutine, not one for each look.
func TestHungFileSystemIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, make(chan struct{})
		b, err := parseBound("disk:/mnt<90%")
		if err != nil {
			t.Fatal(err)
		}
		hung := *b.gauge
		hung.read = func(context.Context, string) (reading, error) {
			asked++
			<-answer
			return reading{value: 1, total: 10, text: "10 % used"}, nil
		}
		b.gauge = &hung
		probe := &hostProbe{bound: b}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			got := probe.probe(ctx)
			if want := (Result{state.Critical, "disk /mnt: the system gave no answer in 1s"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			cancel()
		}
		close(answer)
		if got := probe.probe(t.Context()); got.Status != state.Passing {
			t.Errorf("once it answers: got %+v, want passing", got)
		}
		if asked != 1 {
			t.Errorf("it was asked %d times while it hung, want once", asked)
		}
	})
}
