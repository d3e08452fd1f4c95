package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/test/registry"
)

var kills = flag.Int("kills", 10, "how often TestNothingAcknowledgedIsLost kills the registry")

// TestNothingAcknowledgedIsLost kills a registry that keeps its data on disk
// again and again, while clients write. Whatever was acknowledged is there
// afterwards, whatever was not is there whole or not at all, locks are held by
// whom they were, and no index falls.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	kept, err := registry.New(registry.Durable(muster, filepath.Join(t.TempDir(), "data")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.End(); err != nil {
			t.Error(err)
		}
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := consul.NewClient(&consul.Config{Address: kept.Address(), HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	writers := make([]*writer, 6)
	for n := range writers {
		writers[n] = &writer{client: client, name: fmt.Sprintf("writer-%d", n), services: map[string]fate{}}
	}
	life := 0
	defer func() {
		acknowledged, lost := 0, "none lost"
		for _, w := range writers {
			acknowledged += w.acknowledged
		}
		if t.Failed() {
			lost = "ended by the error above"
		}
		t.Logf("%d kills, %d acknowledged writes, %s", life, acknowledged, lost)
	}()
	var index uint64
	for ; ; life++ {
		if err := kept.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		index = higher(t, client, index)
		for _, w := range writers {
			if err := w.verify(); err != nil {
				t.Fatalf("after %d kills, %s: %v", life, w.name, err)
			}
		}
		if life == *kills {
			return
		}
		var left atomic.Int64 // acknowledgements until the kill
		left.Store(int64(10 + rand.IntN(500)))
		enough := make(chan struct{})
		var writing sync.WaitGroup
		for _, w := range writers {
			writing.Go(func() { // until the registry is killed; awaited below
				w.write(func() {
					if left.Add(-1) == 0 {
						close(enough)
					}
				})
			})
		}
		ended := make(chan struct{})
		go func() { // ends with the writers, whom the kill ends
			writing.Wait()
			close(ended)
		}()
		select {
		case <-enough:
		case <-ended:
			for _, w := range writers {
				t.Logf("%s: %v", w.name, w.failure)
			}
			t.Fatalf("after %d kills: no writer is answered any more\n%s", life, kept.Program().Output())
		}
		<-time.After(time.Duration(rand.IntN(20_000)) * time.Microsecond) // any moment will do
		if err := kept.End(); err != nil {
			t.Fatal(err)
		}
		<-ended
		transport.CloseIdleConnections()
	}
}

// higher returns the index of the catalog, which is to be above what it was.
func higher(t *testing.T, client *consul.Client, was uint64) uint64 {
	t.Helper()
	_, meta, err := client.Catalog().Nodes(nil)
	if err != nil {
		t.Fatal(err)
	}
	if meta.LastIndex <= was {
		t.Fatalf("the index went from %d to %d", was, meta.LastIndex)
	}
	return meta.LastIndex
}

// fate is what a client knows of something that it asked for.
type fate int

const (
	unknown fate = iota // the answer did not come
	there
	gone
)

// writer is a client that writes one thing after the other, and remembers what
// it was promised.
type writer struct {
	client *consul.Client
	name   string

	acknowledged  int
	count         int // of the last number it asked to be stored
	stored        int // the last that was
	services      map[string]fate
	session, lock string // of a lock that it holds; empty for none
	failure       error  // of the last write, which ended it
}

// write writes until the registry does not answer any more, and tells of each
// acknowledgement.
func (w *writer) write(acknowledged func()) {
	for {
		asked, err := w.next()
		if w.failure = err; err != nil {
			return
		}
		if asked {
			w.acknowledged++
			acknowledged()
		}
	}
}

// next asks for one thing, unless it is the turn of one that makes no sense.
func (w *writer) next() (asked bool, err error) {
	id := func(count int) string { return fmt.Sprintf("%s-%d", w.name, count) }
	switch w.count++; w.count % 4 {
	case 0:
		if w.session != "" {
			return false, nil
		}
		return true, w.takeLock()
	case 1:
		w.services[id(w.count)] = unknown
		err := w.client.Agent().ServiceRegister(&consul.AgentServiceRegistration{
			ID: id(w.count), Name: w.name, Port: w.count, Check: &consul.AgentServiceCheck{TTL: "1h", Status: consul.HealthPassing},
		})
		return true, w.settle(id(w.count), there, err)
	case 2:
		before := id(w.count - 5) // of the round before
		if w.services[before] != there {
			return false, nil
		}
		w.services[before] = unknown
		return true, w.settle(before, gone, w.client.Agent().ServiceDeregister(before))
	default:
		_, err := w.client.KV().Put(&consul.KVPair{Key: w.name + "/number", Value: []byte(strconv.Itoa(w.count))}, nil)
		if err == nil {
			w.stored = w.count
		}
		return true, err
	}
}

func (w *writer) settle(id string, is fate, err error) error {
	if err == nil {
		w.services[id] = is
	}
	return err
}

// takeLock takes a lock.
func (w *writer) takeLock() error {
	session, _, err := w.client.Session().Create(&consul.SessionEntry{TTL: "1h"}, nil)
	if err != nil {
		return err
	}
	lock := fmt.Sprintf("%s/lock-%d", w.name, w.count) // none that an earlier attempt may have taken
	taken, _, err := w.client.KV().Acquire(&consul.KVPair{Key: lock, Session: session}, nil)
	if err == nil && !taken {
		return errors.New("a free lock was refused")
	}
	if err == nil {
		w.session, w.lock = session, lock
	}
	return err
}

// verify returns what is not as it was promised.
func (w *writer) verify() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	options := (&consul.QueryOptions{}).WithContext(ctx)
	entries, _, err := w.client.KV().List(w.name+"/", options)
	if err != nil {
		return err
	}
	stored, holder := 0, ""
	for _, e := range entries {
		switch e.Key {
		case w.name + "/number":
			if stored, err = strconv.Atoi(string(e.Value)); err != nil {
				return err
			}
		case w.lock:
			holder = e.Session
		}
	}
	if stored < w.stored || stored > w.count {
		return fmt.Errorf("the number is %d; acknowledged was %d, and the last that was asked for is %d", stored, w.stored, w.count)
	}
	if holder != w.session {
		return fmt.Errorf("the lock is held by %q, want %q", holder, w.session)
	}
	return w.verifyServices(options)
}

func (w *writer) verifyServices(options *consul.QueryOptions) error {
	passing, _, err := w.client.Health().Service(w.name, "", true, options)
	if err != nil {
		return err
	}
	found := map[string]int{}
	for _, entry := range passing {
		found[entry.Service.ID] = entry.Service.Port
	}
	own, err := w.client.Agent().ServicesWithFilterOpts(fmt.Sprintf("Service == %q", w.name), options)
	if err != nil {
		return err
	}
	if len(own) != len(found) {
		return fmt.Errorf("the agent has %d services and the catalog %d", len(own), len(found))
	}
	for id, fate := range w.services {
		port, is := found[id]
		switch {
		case is && (fate == gone || id != fmt.Sprintf("%s-%d", w.name, port)):
			return fmt.Errorf("service %s is there, with port %d", id, port)
		case !is && fate == there:
			return fmt.Errorf("service %s was acknowledged, and is not there", id)
		case is:
			w.services[id] = there
		default:
			delete(w.services, id) // and will not come back
		}
		delete(found, id)
	}
	if len(found) > 0 {
		return fmt.Errorf("services are there that nobody asked for: %v", found)
	}
	return nil
}
