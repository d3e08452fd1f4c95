package kitdiscover_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/go-kit/kit/sd"
	"go.uber.org/goleak"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// web are the questions of the tests.
var web = discover.Query{Service: "web"}

// watch returns a watch of web. Whoever gets it closes it.
func watch(hand *discovertest.Hand) *discover.Watcher {
	return discover.Watch(hand, web, discover.WatchConfig{})
}

// at returns an instance of a name at an address, on port 80.
func at(address string) discover.Instance {
	return discover.Instance{
		ID: "web-" + address, Address: address, Port: 80, Tags: []string{"api"},
		Weights: discover.Weights{Passing: 1, Warning: 1},
	}
}

// reader reads all events of a channel without a buffer, as go-kit's endpointer
// does.
type reader struct {
	ch   chan sd.Event
	done chan struct{}

	mu     sync.Mutex
	events []string
}

func newReader() *reader {
	r := &reader{ch: make(chan sd.Event), done: make(chan struct{})}
	go func() { // ends with the channel; close waits
		defer close(r.done)
		for event := range r.ch {
			r.mu.Lock()
			r.events = append(r.events, text(event))
			r.mu.Unlock()
		}
	}()
	return r
}

// take returns the events since the last call of it.
func (r *reader) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// close closes the channel, as go-kit's endpointer does once it is deregistered.
func (r *reader) close() {
	close(r.ch)
	<-r.done
}

func text(event sd.Event) string {
	if event.Err != nil {
		return "error"
	}
	return fmt.Sprint(event.Instances)
}
