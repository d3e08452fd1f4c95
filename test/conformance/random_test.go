//go:build conformance

package conformance

import (
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/test/random"
)

var randomFor = flag.Duration("random", 0, "how long to ask both registries random sequences, new ones each time; 0 for the same few")

// rounds is how often the few are drawn: a hundred sequences each time.
const rounds = 4

// TestRandomSequences asks a real Consul and muster the same random sequences
// of writes and looks at everything after each: the answers are the same, up
// to what differs between any two registries, and muster's indexes rise when
// an answer changes and never fall. A sequence that differs is made as short
// as can be, and shown as a list has it.
func TestRandomSequences(t *testing.T) { askAtRandom(t, random.Steps(30), random.Looks) }

// TestRandomAnnouncements does the same with what agents are told, as the
// agents themselves see it.
func TestRandomAnnouncements(t *testing.T) { askAtRandom(t, random.AgentSteps(30), random.AgentLooks) }

func askAtRandom(t *testing.T, steps *rapid.Generator[[]random.Request], looks []string) {
	muster := agenttest.Start(t, func(c *agent.Config) { c.Node = nodeName })
	consul := &player{name: "Consul", base: startConsul(t).URL(""), client: client(t)}
	ours := &player{name: "muster", base: "http://" + muster.Addr, client: client(t)}
	time.Sleep(4 * settle) // until its own node is complete
	set(t, "rapid.nofailfile", true)
	began, run := time.Now(), 0
	for round := 1; !t.Failed() && (round <= rounds || time.Since(began) < *randomFor); round++ {
		seed := int64(round)
		if *randomFor > 0 {
			seed = began.UnixNano() + seed
		}
		set(t, "rapid.seed", seed)
		rapid.Check(t, func(t *rapid.T) {
			run++
			play(t, run, steps.Draw(t, "steps"), looks, consul, ours)
		})
	}
}

func set(t *testing.T, name string, value any) {
	t.Helper()
	if err := flag.Set(name, fmt.Sprint(value)); err != nil {
		t.Fatal(err)
	}
}

// play lets both registries go through the steps, and takes back what they did.
func play(t *rapid.T, run int, steps []random.Request, looks []string, consul, muster *player) {
	both := []*player{consul, muster}
	for _, p := range both {
		p.begin(run)
	}
	defer func() {
		for _, p := range both {
			if err := p.clear(); err != nil {
				t.Fatal(err)
			}
		}
	}()
	for n := range len(steps) + 1 {
		asked := []random.Request{} // first nothing but the looks
		if n > 0 {
			asked = append(asked, steps[n-1])
		}
		for _, path := range looks {
			asked = append(asked, random.Request{Method: http.MethodGet, Path: path})
		}
		answers := make([][]answer, len(both))
		var group errgroup.Group
		for who, p := range both {
			group.Go(func() (err error) {
				answers[who], err = p.ask(asked)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for at, want := range answers[0] {
			got := answers[1][at]
			switch {
			case got.text != want.text && isMeant(asked[at], want, got):
				return // from here on the two may hold different things
			case got.text != want.text:
				t.Fatalf("%safter which %s\ngot from muster:\n%s\n\nwant, as from Consul:\n%s", story(steps[:n]), asked[at], got.text, want.text)
			case got.fault != "":
				t.Fatalf("%safter which muster's %s\n%s", story(steps[:n]), asked[at], got.fault)
			}
		}
	}
}

// story writes steps as a list has them.
func story(steps []random.Request) string {
	var all strings.Builder
	for _, step := range steps {
		all.WriteString("\n" + step.String())
	}
	return all.String() + "\n"
}

// meant are the differences that sequences meet and that are meant: each a
// request, what Consul answers to it and what muster does.
// docs/compatibility.md gives the reasons.
var meant = []struct{ request, consul, muster *regexp.Regexp }{
	// A check that could not be set is an error.
	{regexp.MustCompile(`/v1/txn .*"Check".*"cas"`), regexp.MustCompile(``), regexp.MustCompile(`Missing (node|service) registration`)},
	// A check without an id is looked for, and not found.
	{regexp.MustCompile(`/v1/txn .*"Check".*"get"`), regexp.MustCompile(`object is missing a value for this index`), regexp.MustCompile(`check \\"\\" on node`)},
}

func isMeant(asked random.Request, consul, muster answer) bool {
	return slices.ContainsFunc(meant, func(m struct{ request, consul, muster *regexp.Regexp }) bool {
		return m.request.MatchString(asked.String()) && m.consul.MatchString(consul.text) && m.muster.MatchString(muster.text)
	})
}
