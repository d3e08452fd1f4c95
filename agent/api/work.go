package api

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/realjf/muster/agent/telemetry"
)

// work is what answering a request takes of the registry.
type work uint8

const (
	// light work has no bound but that on connections. It is what must not
	// fail because others ask for much: a heartbeat that is refused takes a
	// healthy instance out. And it is what finds an answer that is there.
	light work = iota
	// making is to find and encode an answer that is not there yet: it takes a
	// processor, and nothing else.
	making
	// urgentMaking is making that waits rather than be refused.
	urgentMaking
	// changing is to change the registry: it waits for others, and for a disk.
	changing
	// urgentChanging is changing that waits rather than be refused: what goes
	// away must not stay listed.
	urgentChanging
)

// weighing is the work of paths, the first beginning that fits. Reads are light
// until it is known that their answer must be made (answers.go).
var weighing = []struct {
	path        string
	read, write work
}{
	{"/v1/agent/check/deregister/", light, urgentChanging},
	{"/v1/agent/check/register", light, changing},
	{"/v1/agent/check/", light, light}, // heartbeats
	{"/v1/session/renew/", light, light},
	{"/v1/session/destroy/", light, urgentChanging},
	{"/v1/agent/service/deregister/", light, urgentChanging},
	{"/v1/agent/service/maintenance/", light, urgentChanging},
	{"/v1/agent/service/register", light, changing},
	{"/v1/agent/health/", urgentMaking, changing}, // balancers ask for it
	{"/v1/agent/host", urgentMaking, changing},
	{"/v1/agent/metrics/stream", light, changing},
	{"/v1/agent/metrics", urgentMaking, changing},
	{"/v1/agent/", light, light}, // what its operator does
	{"/v1/snapshot", light, light},
	{"/v1/discovery-chain/", light, making},
	{"/v1/query/", making, changing},
	{"/", light, changing},
}

// workOf returns the work of a route.
func workOf(method, path string) work {
	for _, w := range weighing {
		if strings.HasPrefix(path, w.path) {
			if method == http.MethodGet {
				return w.read
			}
			return w.write
		}
	}
	return light
}

// desk is where requests wait for their turn.
type desk struct {
	making, changing *turns
	refused          map[string]*telemetry.Series
}

// Changes weigh by what they say. As many go on at once as may well wait for a
// disk together, so that they share its syncs.
const (
	changesAtOnce   = 256
	bytesPerWeight  = 4 << 10
	refusedRequests = "muster.http.refused"
)

func newDesk(t *telemetry.Telemetry) desk {
	d := desk{making: newTurns(runtime.GOMAXPROCS(0)), changing: newTurns(changesAtOnce), refused: map[string]*telemetry.Series{}}
	for _, what := range []string{"read", "write", "body", "answer"} {
		d.refused[what] = t.Counter(refusedRequests, map[string]string{"what": what})
	}
	return d
}

// turn is one that was taken. The zero value is none.
type turn struct {
	of     *turns
	weight int
}

// give gives it back. It may be called again.
func (t *turn) give() {
	if t.of != nil {
		t.of.give(t.weight)
		t.of = nil
	}
}

// begin waits until work may be done whose request has a body of this size and
// arrived then.
func (d *desk) begin(ctx context.Context, what work, size int, arrived time.Time) (turn, error) {
	mine, kind, name := turn{d.making, 1}, usual, "read"
	switch what {
	case light:
		return turn{}, nil
	case urgentMaking:
		kind = patient
	case changing, urgentChanging:
		mine, name = turn{d.changing, 1 + size/bytesPerWeight}, "write"
		if what == urgentChanging {
			kind = patient
		}
	}
	if err := mine.of.take(ctx, mine.weight, kind, arrived); err != nil {
		if errors.Is(err, errBusy) {
			d.refused[name].Add(1)
		}
		return turn{}, err
	}
	return mine, nil
}
