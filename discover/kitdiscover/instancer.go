package kitdiscover

import (
	"context"
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"

	"github.com/realjf/muster/discover"
)

// Instancer is a sd.Instancer over a watch: it tells channels of the healthy
// instances of a service, all of them each time, as sorted addresses of the
// form that net.Dial takes. Its methods may be called concurrently.
type Instancer struct {
	watch Watch
	none  error // why there was no list when the instancer was made; nil if there was

	mu        sync.Mutex
	listeners map[chan<- sd.Event]*listener
	stopped   bool
}

var _ sd.Instancer = (*Instancer)(nil)

// listener is what tells a channel.
type listener struct {
	stop  context.CancelFunc
	first chan struct{} // closed when the channel took its first event
	done  chan struct{} // closed when nothing is sent any more
}

// NewInstancer returns an instancer over watch, which is the instancer's own
// from then on: [Instancer.Stop] closes it. Like go-kit's it waits for the first
// attempt to ask the registry, so that a program can call right away; at most
// until ctx ends.
func NewInstancer(ctx context.Context, watch Watch) *Instancer {
	_, err := watch.Tried(ctx)
	return &Instancer{watch: watch, none: err, listeners: make(map[chan<- sd.Event]*listener)}
}

// Register has ch told of the instances at once, and whenever there are others.
// An event has an error only as long as the registry never gave a list. Like
// go-kit's, Register returns when ch has taken the first event, so that one
// without a buffer needs a reader beside. After that a slow reader gets
// the latest list and not those in between, and holds up nobody. Each event is
// the reader's to change. A channel that is registered already is told again.
// After Stop, nothing is sent.
func (i *Instancer) Register(ch chan<- sd.Event) {
	i.Deregister(ch)
	ctx, stop := context.WithCancel(context.Background())
	l := &listener{stop: stop, first: make(chan struct{}), done: make(chan struct{})}
	i.mu.Lock()
	if i.stopped || i.listeners[ch] != nil { // somebody else registers it at this very moment
		i.mu.Unlock()
		stop()
		return
	}
	i.listeners[ch] = l
	i.mu.Unlock()
	go func() { // Deregister and Stop stop it and wait
		defer close(l.done)
		i.tell(ctx, ch, l.first)
	}()
	select {
	case <-l.first:
	case <-l.done:
	}
}

// tell sends ch what there is, each time that it is something else than before,
// until ctx ends.
func (i *Instancer) tell(ctx context.Context, ch chan<- sd.Event, first chan struct{}) {
	var told *sd.Event
	for {
		changed := i.watch.Changed() // before the look, so as to miss nothing
		event := i.event()
		out := ch
		if told != nil && sameEvent(*told, event) {
			out = nil
		}
		select {
		case out <- sd.Event{Instances: slices.Clone(event.Instances), Err: event.Err}: // go-kit's endpointer sorts what it gets
			if told == nil {
				close(first)
			}
			told = &event
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// event returns what there is to tell.
func (i *Instancer) event() sd.Event {
	s, ok := i.watch.Snapshot()
	if !ok {
		return sd.Event{Err: i.none}
	}
	return sd.Event{Instances: addresses(s.Instances)}
}

// sameEvent reports whether there is nothing new for who knows a. There is one
// error at most, the first.
func sameEvent(a, b sd.Event) bool {
	return slices.Equal(a.Instances, b.Instances) && (a.Err == nil) == (b.Err == nil)
}

// addresses returns where the instances with a port are, each address once: go-kit makes one
// endpoint for each, and would lose one of two that are alike.
func addresses(instances []discover.Instance) []string {
	list := make([]string, 0, len(instances))
	for n := range instances {
		if hasPort(instances[n]) {
			list = append(list, instances[n].HostPort())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Deregister ends what Register began. When it returns, nothing is sent to ch
// any more, which can be closed then. It does not wait for a reader.
func (i *Instancer) Deregister(ch chan<- sd.Event) {
	i.mu.Lock()
	l := i.listeners[ch]
	delete(i.listeners, ch)
	i.mu.Unlock()
	if l != nil {
		l.end()
	}
}

// Stop ends the telling and the watch, and waits for both. A watch that is
// shared in a [discover.Cache] goes on there for others. The channels stay open.
// It may be called more than once.
func (i *Instancer) Stop() {
	i.mu.Lock()
	i.stopped = true
	listeners := i.listeners
	i.listeners = nil
	i.mu.Unlock()
	for _, l := range listeners {
		l.end()
	}
	_ = i.watch.Close() // neither kind of watch has an error to give
}

func (l *listener) end() {
	l.stop()
	<-l.done
}
