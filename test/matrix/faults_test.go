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
	// can know it before. That an instance is killed can be known: it loses its
	// connections.
	unknown int
	// guarded says that the library needs its Guard: without one it believes
	// what the registry says.
	guarded bool
	begin   func(s *scene) (heal func())
}

// faults are the rows.
var faults = []fault{
	{"killed", "the registry is killed and does not come back", false, 0, false, func(s *scene) func() {
		s.registry.Kill()
		return func() {}
	}},
	{"restarted empty", "it is killed and started again at once, without its data", false, 0, false, func(s *scene) func() {
		s.registry.Restart()
		return func() {}
	}},
	{"restarted durable", "the same, with its data", true, 0, false, func(s *scene) func() {
		s.registry.Restart()
		return func() {}
	}},
	{"slow", "each answer comes half a second late", false, 0, false, always(agenttest.Slow(500 * time.Millisecond))},
	{"500", "it answers every request 500", false, 0, false, always(agenttest.Status(http.StatusInternalServerError))},
	{"429", "it answers every request 429 with `Retry-After: 1`", false, 0, false, always(agenttest.Busy(http.StatusTooManyRequests, time.Second))},
	{"empty answers", "it answers every question for instances with an empty list", false, 0, true, always(agenttest.Empty)},
	{"index reset", "it starts again without its data, and with an index that begins at 1", false, 0, false, func(s *scene) func() {
		s.registry.Reset()
		return func() {}
	}},
	{"half partitioned", "half of the instances cannot reach it; they serve, and their TTLs run out", false, 0, false, func(s *scene) func() {
		var names []string
		for n := range fleetSize / 2 {
			names = append(names, instanceName(fleetSize/2+n))
		}
		return s.registry.Partition(names...)
	}},
	{"one hangs", "the registry is well; one instance takes requests, and its heartbeats go on, but it answers nothing", false, unanswered, false, func(s *scene) func() {
		last := s.fleet[fleetSize-1]
		last.hang()
		return last.goOn
	}},
}

// unanswered is how many requests it may take to know that an instance hangs: one,
// or two that are sent before the first has waited for longer than is usual.
const unanswered = 2

// always is a fault of the registry that everybody sees.
func always(f agenttest.Fault) func(*scene) func() {
	return func(s *scene) func() { return s.registry.Fail(f) }
}

func instanceName(n int) string { return fmt.Sprint("instance-", n) }
