package agenttest

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/realjf/muster/agent"
)

// life is the time of a registry from a start to its end.
type life struct {
	agent *agent.Agent
	stop  context.CancelFunc
	ended chan error // has what Run returned
}

// Kill ends the registry as kill -9 ends a program: nobody gets an answer any
// more, and its clients find their connections cut, and new ones too, as with
// [Down]. Nothing of it runs, so no TTL runs out. A registry that was killed can
// be started again.
func (a *Agent) Kill() {
	a.t.Helper()
	a.gate.open(nil) // nobody is told of the end
	a.stop()
}

// Restart starts the registry again, at the same addresses, killing it if it
// runs. With a DataDir it knows what it knew, else nothing. Its index goes on
// from where it was, as that of every muster does.
func (a *Agent) Restart() {
	a.t.Helper()
	a.Kill()
	a.begin()
}

// Reset starts the registry again without anything that it knew, and with an
// index that begins at 1 once more, as that of a Consul that lost its data: the
// X-Consul-Index of its answers falls, and who asks for more than there is is
// answered at once. The indexes inside of bodies do not fall. It cannot be had
// with a DataDir.
func (a *Agent) Reset() {
	a.t.Helper()
	if a.config.DataDir != "" {
		a.t.Fatalf("a registry with a DataDir keeps its data: Reset is for one in memory")
	}
	a.Kill()
	// Indexes are microseconds since 1970, from the start of the store on.
	a.gate.base.Store(uint64(time.Now().UnixMicro()) - 1)
	a.begin()
}

// begin starts a registry, and returns when it can be asked.
func (a *Agent) begin() {
	a.t.Helper()
	config := a.config
	entry := a.gate.entry()
	config.Listeners = append([]net.Listener{entry}, config.Listeners...)
	before := config.Front
	config.Front = func(rooms http.Handler) http.Handler {
		if before != nil {
			rooms = before(rooms)
		}
		return &front{a.gate, rooms}
	}
	made, err := agent.New(config)
	if err != nil {
		a.t.Fatalf("start a registry: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	now := &life{made, cancel, make(chan error, 1)}
	go func() { now.ended <- made.Run(ctx) }() // ends with ctx, awaited by stop
	a.running = now
	a.gate.open(entry)
}

// stop ends what runs, and waits for it.
func (a *Agent) stop() {
	if a.running == nil {
		return
	}
	a.running.stop()
	if err := <-a.running.ended; err != nil {
		a.t.Errorf("the registry ended: %v", err)
	}
	a.running = nil
}
