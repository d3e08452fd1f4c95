package main

import (
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	kitconsul "github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/log"
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
	"github.com/hashicorp/go-hclog"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// probe is the address of the instance that changes; its port says how often.
const probe = "10.9.9.9"

// A watcher follows services in the way of one library, for as long as the
// process lives. It returns when it has had an answer.
type watcher interface {
	// keep follows a service so that the program can read who there is.
	keep(service string) error
	// tell follows a service and calls seen with the port of the probe, at each
	// news and in the goroutine that brings it.
	tell(service string, seen func(port int)) error
}

// watchers are the ways, by the names of their columns.
var watchers = []struct {
	name  string
	begin func(address string) (watcher, error)
}{
	{"muster", func(address string) (watcher, error) {
		registry, err := consul.New(&api.Config{Address: address}, consul.Config{})
		return ours{registry}, err
	}},
	{"go-kit", func(address string) (watcher, error) {
		client, err := api.NewClient(&api.Config{Address: address})
		return kit{kitconsul.NewClient(client)}, err
	}},
	{"watch plan", func(address string) (watcher, error) {
		client, err := api.NewClient(&api.Config{Address: address})
		return plain{client}, err
	}},
}

// ours is this library.
type ours struct{ source discover.Source }

func (o ours) keep(service string) error {
	_, err := o.watch(service)
	return err
}

func (o ours) watch(service string) (*discover.Watcher, error) {
	w := discover.Watch(o.source, discover.Query{Service: service}, discover.WatchConfig{})
	_, err := w.First(context.Background())
	return w, err
}

func (o ours) tell(service string, seen func(port int)) error {
	w, err := o.watch(service)
	if err != nil {
		return err
	}
	go func() { // as long as the process
		for {
			changed := w.Changed()
			s, _ := w.Snapshot()
			for i := range s.Instances {
				if s.Instances[i].Address == probe {
					seen(s.Instances[i].Port)
				}
			}
			<-changed
		}
	}()
	return nil
}

// kit is go-kit's sd/consul.
type kit struct{ client kitconsul.Client }

func (k kit) keep(service string) error {
	instancer := kitconsul.NewInstancer(k.client, log.NewNopLogger(), service, nil, true)
	nop := func(string) (endpoint.Endpoint, io.Closer, error) { return endpoint.Nop, nil, nil }
	endpointer := sd.NewEndpointer(instancer, nop, log.NewNopLogger())
	for { // it does not say when it has had an answer
		if endpoints, err := endpointer.Endpoints(); err != nil || len(endpoints) > 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (k kit) tell(service string, seen func(port int)) error {
	events := make(chan sd.Event)
	go func() { // as long as the process
		for event := range events {
			for _, instance := range event.Instances {
				if port, is := strings.CutPrefix(instance, probe+":"); is {
					n, _ := strconv.Atoi(port) // go-kit made it of a number
					seen(n)
				}
			}
		}
	}()
	kitconsul.NewInstancer(k.client, log.NewNopLogger(), service, nil, true).Register(events)
	return nil
}

// plain is a plan of Consul's own client that keeps what it is told.
type plain struct{ client *api.Client }

func (p plain) keep(service string) error {
	var latest atomic.Pointer[[]*api.ServiceEntry]
	return p.run(service, func(entries []*api.ServiceEntry) { latest.Store(&entries) })
}

func (p plain) tell(service string, seen func(port int)) error {
	return p.run(service, func(entries []*api.ServiceEntry) {
		for _, entry := range entries {
			if entry.Service.Address == probe {
				seen(entry.Service.Port)
			}
		}
	})
}

func (p plain) run(service string, news func([]*api.ServiceEntry)) error {
	plan, err := watch.Parse(map[string]any{"type": "service", "service": service, "passingonly": true})
	if err != nil {
		return err
	}
	first := make(chan struct{})
	begun := false // the plan calls its handler from one goroutine
	plan.Handler = func(_ uint64, answer any) {
		if entries, ok := answer.([]*api.ServiceEntry); ok {
			news(entries)
			if !begun {
				begun = true
				close(first)
			}
		}
	}
	go func() { _ = plan.RunWithClientAndHclog(p.client, hclog.NewNullLogger()) }() // as long as the process
	<-first
	return nil
}

// hostPort is how an instance of number n of a service is reached.
func hostPort(n int) (address string, port int) {
	return net.IPv4(10, 1, byte(n/250), byte(n%250)).String(), 12000
}
