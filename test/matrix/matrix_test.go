// Package matrix tries clients of a registry against its faults: each fault of
// the list in faults_test.go, each client of the one in callers_test.go, and how
// many of their requests succeed while most instances live and answer.
//
// In every run of the tests the library alone is tried, in the time of a bubble
// of testing/synctest and over connections in memory. "make matrix" tries all
// of them over loopback, and writes the table into docs/reliability.md.
package matrix

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

var (
	rounds   = flag.Int("rounds", 0, "try all clients over loopback, so often; 0 leaves it")
	rate     = flag.Int("rate", 200, "requests per second of each client, of which the library sends more: see callers")
	document = flag.String("document", "", "the page that holds the table of all clients; empty for none")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/go-kit/kit/sd/consul.(*Instancer).getInstances.func1"))
}

// The times of a scene, from the first request on. None is that of a request of
// those who send at the least rate.
const (
	before = 1003 * time.Millisecond // until the fault begins
	dies   = 1503 * time.Millisecond // one instance is killed
	leaves = 2003 * time.Millisecond // another withdraws, and ends two seconds later
	heals  = 6003 * time.Millisecond // the fault ends
	ends   = 9 * time.Second         // with the last request
	notice = time.Second             // how long before the fault the control knows who is going to end, or to hang
)

// fleetSize is how many instances there are at first.
const fleetSize = 10

// play lets callers send requests at a rate while a fault begins and ends and
// instances come and go, and returns what became of them.
func play(t *testing.T, f fault, network network, callers []newCaller, rate int) []tally {
	t.Helper()
	var adjust []func(*agent.Config)
	if f.onDisk {
		folder := t.TempDir()
		adjust = append(adjust, func(c *agent.Config) { c.DataDir = folder })
	}
	s := &scene{T: t, registry: agenttest.Start(t, append(adjust, network.registry)...), network: network}
	for n := range fleetSize {
		s.fleet = append(s.fleet, s.announce(n))
	}
	var made []caller
	var rates []int
	for _, n := range callers {
		made, rates = append(made, n.begin(s, n.name)), append(rates, n.often*rate)
	}
	for _, c := range made {
		s.await("its first success", func() bool { return s.call(c).last })
	}

	var script scriptRun
	heal := func() {}
	// The control is warned long enough before that its requests are over.
	script.at(before-notice, func() {
		s.fleet[0].ending.Store(true)
		s.fleet[1].ending.Store(true)
		s.fleet[fleetSize-1].ending.Store(true)
	})
	script.at(before, func() { heal = f.begin(s) })
	script.at(dies, func() { s.fleet[0].die() })
	script.at(leaves, func() { s.fleet[1].leave() })
	script.at(heals, func() { heal() })
	tallies := s.load(made, rates, &script)
	for _, c := range made {
		c.close()
	}
	for _, i := range s.fleet {
		i.end()
	}
	return tallies
}

// bubbleRate is how many requests a second TestTheLibrary sends.
const bubbleRate = 50

// TestTheLibrary: in all faults every request of the library succeeds, by at
// most one more attempt for what it cannot know yet.
func TestTheLibrary(t *testing.T) {
	for _, f := range faults {
		for _, c := range callers[:2] {
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				if f.guarded && c.name != "muster" {
					t.Skip("it believes the registry, as it is told to")
				}
				c.often = 1
				synctest.Test(t, func(t *testing.T) {
					got := play(t, f, newMemory(), []newCaller{c}, bubbleRate)[0]
					t.Logf("%d requests, %d of them not with the first attempt, %d never", got.sent, got.sent-got.first, got.sent-got.last)
					if got.sent == 0 || got.last != got.sent {
						t.Errorf("%d of %d requests succeeded, want all", got.last, got.sent)
					}
					if failed := got.sent - got.first; failed > f.unknown {
						t.Errorf("%d first attempts failed, want %d at most", failed, f.unknown)
					}
				})
			})
		}
	}
}

// TestAll measures, over loopback, and asserts nothing: see make matrix.
func TestAll(t *testing.T) {
	if *rounds == 0 {
		t.Skip("-rounds is not given")
	}
	all := map[string][]tally{}
	for round := range *rounds {
		for _, f := range faults {
			t.Run(fmt.Sprint(f.name, " ", round), func(t *testing.T) {
				got := undisturbed(t, f)
				for n, one := range got {
					t.Logf("%-16s %6d requests, %7.3f %% first (%d in flight), %6.2f %% in the end", callers[n].name, one.sent, one.share(one.first), one.inFlight, one.share(one.last))
				}
				all[f.name] = add(all[f.name], got)
			})
		}
	}
	text := report(all)
	fmt.Print(text)
	if *document == "" {
		return
	}
	if err := insert(*document, text); err != nil {
		t.Fatal(err)
	}
}

// calm is how long the control may wait for an answer. A machine that stands still
// for longer when an instance is killed shows who was waiting at that moment, and
// not who knew.
const calm = 20 * time.Millisecond

// undisturbed plays a scene again until the control loses no request and waits for
// none, ten times at most, and returns what became of those of the others.
func undisturbed(t *testing.T, f fault) []tally {
	t.Helper()
	for range 10 {
		got := play(t, f, loopback{}, append(slices.Clone(callers), control), *rate)
		last := len(got) - 1
		control := got[last]
		if control.first == control.sent && control.slowest <= calm {
			return got[:last]
		}
		t.Logf("the control lost %d of %d, and waited for %s: the machine has other things to do, again", control.sent-control.first, control.sent, control.slowest)
	}
	t.Fatal("the machine is too busy for this rate: see -rate")
	return nil
}

// await waits until something is so.
func (s *scene) await(what string, so func() bool) {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for !so() {
		if time.Now().After(deadline) {
			s.Fatalf("%s did not come within a minute", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// call sends one request, within the time that one may take.
func (s *scene) call(c caller) fate {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	return c.call(ctx)
}
