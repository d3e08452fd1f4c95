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
	{name: "many ask while instances come and go", tell: comeAndGo, busy: true},
	{name: "two find each other", tell: twoFindEachOther},
	{name: "one is killed", tell: oneIsKilled},
	{name: "the registry comes back empty", tell: registryComesBackEmpty},
	{name: "somebody deregisters a running instance", tell: deregisteredByAnother},
	{name: "a service takes any free port", tell: anyFreePort},
	{name: "every answer", tell: everyAnswer},
	{name: "unwell instances are named, not listed", tell: unwellInstances},
	{name: "a service says that it leaves", tell: saysThatItLeaves},
}

// tellAll tells every story on every kind of registry: first the busy ones,
// one after the other, then all others together.
func tellAll(t *testing.T, kinds ...registry.Kind) {
	for _, kind := range kinds {
		for _, story := range stories {
			t.Run(kind.Name+"/"+story.name, func(t *testing.T) {
				if !story.busy {
					t.Parallel()
				}
				story.tell(newScene(t, kind))
			})
		}
	}
}

func TestMuster(t *testing.T) {
	tellAll(t, registry.Agent(muster), registry.Embedded(muster))
}
