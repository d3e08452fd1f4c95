package agenttest

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Fault is something that can be wrong with a registry, or with the way to it.
// A request that waits for a change when a fault begins, or ends, is treated as
// if it came then. Several may be in force: [Down] goes before [Hang], and that
// before [Status] and [Busy], of which the last one counts; of delays the longest
// does.
type Fault struct {
	down, hang, empty bool
	delay             time.Duration
	status            int
	retryAfter        time.Duration
}

var (
	// Down cuts all connections, and each new one before anything is answered: a
	// client sees "connection reset by peer" or EOF, and in memory
	// "connection refused". The registry itself lives on, as one that cannot be
	// reached does: TTLs run out. With [Agent.Kill] they do not.
	Down = Fault{down: true}
	// Hang takes connections and requests and answers none, as a registry that is
	// stuck, or behind a network that loses what is sent: a client sees nothing,
	// until it gives up. Requests that still wait when it is healed are
	// answered then.
	Hang = Fault{hang: true}
	// Empty answers every list of instances (/v1/health/service and
	// /v1/catalog/service, and the same for connect and ingress) with 200 and [],
	// under an index one above the true one: as a registry that lost sight of
	// everybody and is sure of it. When it is healed the index falls back by one.
	Empty = Fault{empty: true}
)

// Slow delays the beginning of each answer, of an error's too, by d. What the
// request does is done before.
func Slow(d time.Duration) Fault { return Fault{delay: d} }

// Status answers every request with this status and a word of text, as a
// registry that lost its leader (500) or a proxy before it (502 to 504). Nothing
// is done of what was asked.
func Status(status int) Fault { return Fault{status: status} }

// Busy answers every request with this status, 429 or 503, and says in the
// header Retry-After when to ask again, in whole seconds.
func Busy(status int, retryAfter time.Duration) Fault {
	return Fault{status: status, retryAfter: retryAfter}
}

// and returns both faults together.
func (f Fault) and(g Fault) Fault {
	f.down, f.hang, f.empty = f.down || g.down, f.hang || g.hang, f.empty || g.empty
	f.delay = max(f.delay, g.delay)
	if g.status != 0 {
		f.status, f.retryAfter = g.status, g.retryAfter
	}
	return f
}

// begun is a fault in force.
type begun struct {
	fault   Fault
	clients []string // nil for all
}

// state is what is wrong at a door, until over ends.
type state struct {
	fault Fault
	over  context.Context
	end   context.CancelFunc
}

// Fail lets a fault begin, for the clients with these names, or for everybody
// when none is named. It is in force when Fail returns, and until heal is called,
// which may be done more than once, or the test ends. DNS is not concerned, nor
// are addresses beside Addr and those of named clients.
func (a *Agent) Fail(fault Fault, clients ...string) (heal func()) {
	one := &begun{fault, clients}
	a.gate.change(func(all []*begun) []*begun { return append(all, one) })
	return func() {
		a.gate.change(func(all []*begun) []*begun {
			return slices.DeleteFunc(all, func(b *begun) bool { return b == one })
		})
	}
}

// Partition loses what is sent between the registry and the clients with these
// names, until heal is called: it is [Hang] for them. Without names it does
// nothing.
func (a *Agent) Partition(clients ...string) (heal func()) {
	if len(clients) == 0 {
		return func() {}
	}
	return a.Fail(Hang, clients...)
}

// Heal ends all faults. It does not start a registry that was killed.
func (a *Agent) Heal() { a.gate.change(func([]*begun) []*begun { return nil }) }

// change puts other faults into force, at all doors.
func (g *gate) change(to func([]*begun) []*begun) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begun = to(g.begun)
	for _, d := range g.doors {
		d.settle()
	}
}

// settle puts at a door into force what concerns its client; the caller holds
// the gate's mutex.
func (d *door) settle() {
	var fault Fault
	for _, b := range d.gate.begun {
		if len(b.clients) == 0 || slices.Contains(b.clients, d.client) {
			fault = fault.and(b.fault)
		}
	}
	if d.now.end != nil {
		if fault == d.now.fault {
			return
		}
		d.now.end()
	}
	over, end := context.WithCancel(context.Background())
	d.now = state{fault, over, end}
	if fault.down {
		d.cut()
	}
}

// state returns what is wrong at the door by which a request came.
func (g *gate) state(r *http.Request) state {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at, ours := r.Context().Value(http.LocalAddrContextKey).(place); ours {
		return at.door.now
	}
	return g.doors[""].now // by an address of the configuration's own
}
