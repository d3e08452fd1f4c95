package test

import (
	"testing"

	"github.com/realjf/muster/test/registry"
)

// story is something that people do with a running system, and what they then
// see.
type story struct {
	name string
	tell func(*scene)
	busy bool // takes the whole machine, so no other story plays beside it
}

// stories is the whole list; each is told on every kind of registry. A new one
// is a function and a line here.
var stories = []story{
	{name: "nobody waits for one that leaves", tell: leaveUnderLoad, busy: true},
	{name: "all are restarted one after the other", tell: rollingRestart, busy: true},
	{name: "all of one's own are restarted", tell: rollingRestartOfRun, busy: true},
	{name: "many ask while instances come and go", tell: comeAndGo, busy: true},
	{name: "two find each other", tell: twoFindEachOther},
	{name: "one is killed", tell: oneIsKilled},
	{name: "the registry comes back empty", tell: registryComesBackEmpty},
	{name: "somebody deregisters a running instance", tell: deregisteredByAnother},
	{name: "a service takes any free port", tell: anyFreePort},
	{name: "every answer", tell: everyAnswer},
	{name: "unwell instances are named, not listed", tell: unwellInstances},
	{name: "a service says that it leaves", tell: saysThatItLeaves},
	{name: "many lead in turn", tell: leadInTurn},
	{name: "nobody leads before the lock-delay is over", tell: nobodyLeadsTooSoon},
	{name: "a leader that falls silent is followed", tell: silentLeaderIsFollowed},
}

// tell tells the busy or the other stories on a kind of registry, the busy ones
// one after the other.
func tell(t *testing.T, busy bool, kind registry.Kind) {
	for _, story := range stories {
		if story.busy != busy {
			continue
		}
		t.Run(story.name, func(t *testing.T) {
			if !busy {
				t.Parallel()
			}
			story.tell(newScene(t, kind))
		})
	}
}

// Tests that do not call t.Parallel, as those of busy stories, end before any
// that does begins.

func TestBusyMuster(t *testing.T) { tell(t, true, registry.Agent(muster)) }

func TestMuster(t *testing.T) {
	t.Parallel()
	tell(t, false, registry.Agent(muster))
}

// The registry inside a service is the same as muster's agent; it is not kept
// busy as well.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	tell(t, false, registry.Embedded(muster))
}
