package matrix

import (
	"fmt"
	"net/http"
	"time"

	"github.com/realjf/muster/agent/agenttest"
)

// fault is a row of the matrix.
type fault struct {
	name   string
	how    string // for the page
	onDisk bool   // the registry is
	// unknown is how many first attempts may fail in TestTheLibrary, since nobody
	// can know it before: untilOut for each instance that ends without a word, or
	// whose word a registry that has just come back cannot be believed.
	unknown int
	// guarded says that the library needs a Guard that holds: else it believes
	// what the registry says.
	guarded bool
	begin   func(s *scene) (heal func())
}

// faults are the rows.
var faults = []fault{
	{"killed", "the registry is killed and does not come back", false, 2 * untilOut, false, func(s *scene) func() {
		s.registry.Kill()
		return func() {}
	}},
	{"restarted empty", "it is killed and started again at once, without its data", false, 2 * untilOut, false, func(s *scene) func() {
		s.registry.Restart()
		return func() {}
	}},
	{"restarted durable", "the same, with its data", true, untilOut, false, func(s *scene) func() {
		s.registry.Restart()
		return func() {}
	}},
	{"slow", "each answer comes half a second late", false, untilOut, false, always(agenttest.Slow(500 * time.Millisecond))},
	{"500", "it answers every request 500", false, 2 * untilOut, false, always(agenttest.Status(http.StatusInternalServerError))},
	{"429", "it answers every request 429 with `Retry-After: 1`", false, 2 * untilOut, false, always(agenttest.Busy(http.StatusTooManyRequests, time.Second))},
	{"empty answers", "it answers every question for instances with an empty list", false, 2 * untilOut, true, always(agenttest.Empty)},
	{"index reset", "it starts again without its data, and with an index that begins at 1", false, 2 * untilOut, false, func(s *scene) func() {
		s.registry.Reset()
		return func() {}
	}},
	{"half partitioned", "half of the instances cannot reach it; they serve, and their TTLs run out", false, untilOut, false, func(s *scene) func() {
		var names []string
		for n := range fleetSize / 2 {
			names = append(names, instanceName(fleetSize/2+n))
		}
		return s.registry.Partition(names...)
	}},
	{"one hangs", "the registry is well; one instance takes requests, and its heartbeats go on, but it answers nothing", false, 4 + int(bubbleRate*attemptTime/time.Second) + untilOut, false, func(s *scene) func() {
		last := s.fleet[fleetSize-1]
		last.hang()
		return last.goOn
	}},
}

// untilOut is how many first attempts may fail with one instance: one, which finds
// that out, and those within the 20 ms after which the choice is made anew. Of an
// instance that hangs it takes five to know, each for attemptTime.
const untilOut = 1 + int(bubbleRate*20*time.Millisecond/time.Second)

// always is a fault of the registry that everybody sees.
func always(f agenttest.Fault) func(*scene) func() {
	return func(s *scene) func() { return s.registry.Fail(f) }
}

func instanceName(n int) string { return fmt.Sprint("instance-", n) }
