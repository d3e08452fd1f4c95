package kitdiscover_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/log"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/kitdiscover"
)

func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		hand.Set("web", at("10.0.0.1"))
		instancer := kitdiscover.NewInstancer(t.Context(), watch(hand))
		defer instancer.Stop()
		slow, quick := make(chan sd.Event), newReader()
		go instancer.Register(slow) // ends with the first event that the test takes
		instancer.Register(quick.ch)
		defer quick.close()
		defer instancer.Deregister(quick.ch)
		for _, address := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
			time.Sleep(time.Minute)
			hand.Set("web", at(address))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := quick.take(), []string{"[10.0.0.1:80]", "[10.0.0.2:80]", "[10.0.0.3:80]", "[10.0.0.4:80]"}; !slices.Equal(got, want) {
			t.Errorf("beside a slow reader: got %q, want %q", got, want)
		}
		if got, want := text(<-slow), "[10.0.0.4:80]"; got != want {
			t.Errorf("a slow reader: got %s, want the latest, %s", got, want)
		}
		synctest.Wait()
		select {
		case event := <-slow:
			t.Errorf("got %s once more", text(event))
		default:
		}
		instancer.Deregister(slow)
	})
}

func TestChannelWithBuffer(t *testing.T) {
	hand := discovertest.NewHand()
	hand.Set("web", at("10.0.0.1"))
	instancer := kitdiscover.NewInstancer(t.Context(), watch(hand))
	defer instancer.Stop()
	ch := make(chan sd.Event, 1)
	for range 2 { // a channel that is registered already is told again
		instancer.Register(ch)
		select {
		case event := <-ch:
			if got, want := text(event), "[10.0.0.1:80]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		default:
			t.Error("Register returned before the event was there")
		}
	}
}

func TestReadersMayChangeTheirEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"))
		instancer := kitdiscover.NewInstancer(t.Context(), watch(hand))
		defer instancer.Stop()
		one, other := make(chan sd.Event, 1), make(chan sd.Event, 1)
		instancer.Register(one)
		instancer.Register(other)
		(<-one).Instances[0] = "overwritten"
		if got, want := text(<-other), "[10.0.0.1:80 10.0.0.2:80]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		heavy := at("10.0.0.2")
		heavy.Weights.Passing = 2
		hand.Set("web", at("10.0.0.1"), heavy) // at no other address, whatever a reader made of its event
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(one) > 0 {
			t.Errorf("got %s again", text(<-one))
		}
	})
}

// TestStop shows that a question under way ends, which go-kit leaves to the
// registry, and that a channel may be closed.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		hand.Set("web", at("10.0.0.1"))
		asking := &counted{Source: hand}
		instancer := kitdiscover.NewInstancer(t.Context(), discover.Watch(asking, web, discover.WatchConfig{}))
		r := newReader()
		instancer.Register(r.ch)
		unread := make(chan sd.Event)
		registering := make(chan struct{})
		go func() { // ends with Stop, as nobody reads
			defer close(registering)
			instancer.Register(unread)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := asking.count(); got != 1 {
			t.Fatalf("got %d questions under way, want 1", got)
		}
		instancer.Stop()
		instancer.Stop()
		<-registering
		if got := asking.count(); got != 0 {
			t.Errorf("got %d questions under way after Stop, want none", got)
		}
		hand.Set("web", at("10.0.0.2"))
		instancer.Deregister(r.ch)
		r.close()
		instancer.Register(make(chan sd.Event)) // nothing is sent, and it returns
		if got, want := r.take(), []string{"[10.0.0.1:80]"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// counted counts the questions under way.
type counted struct {
	discover.Source
	mu sync.Mutex
	n  int
}

func (c *counted) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *counted) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	c.add(1)
	defer c.add(-1)
	return c.Source.Next(ctx, q, after)
}

// hanging never answers.
type hanging struct{}

func (hanging) Next(ctx context.Context, _ discover.Query, _ uint64) (discover.Snapshot, error) {
	<-ctx.Done()
	return discover.Snapshot{}, ctx.Err()
}

func TestRegistryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		instancer := kitdiscover.NewInstancer(ctx, discover.Watch(hanging{}, web, discover.WatchConfig{}))
		defer instancer.Stop()
		ch := make(chan sd.Event, 1)
		instancer.Register(ch)
		if event := <-ch; !errors.Is(event.Err, discover.ErrUnavailable) || !errors.Is(event.Err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want ErrUnavailable because of the time", event.Err)
		}
	})
}

// TestEndpointer runs go-kit's own endpointer, which gives its endpoints up a
// minute after an error, over a registry that is down for an hour.
func TestEndpointer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hand := discovertest.NewHand()
		portless := at("10.0.0.3")
		portless.Port = 0
		hand.Set("web", at("10.0.0.1"), at("10.0.0.2"), portless)
		cache := discover.NewCache(hand, discover.CacheConfig{})
		defer cache.Close()
		follower, err := cache.Follow(web)
		if err != nil {
			t.Fatal(err)
		}
		instancer := kitdiscover.NewInstancer(t.Context(), follower)
		defer instancer.Stop()
		factory := func(string) (endpoint.Endpoint, io.Closer, error) { return endpoint.Nop, nil, nil }
		endpointer := sd.NewEndpointer(instancer, factory, log.NewNopLogger(), sd.InvalidateOnError(time.Minute))
		synctest.Wait()
		for _, down := range []error{nil, errors.New("registry is down"), nil} {
			hand.Fail(down)
			time.Sleep(time.Hour)
			synctest.Wait()
			if endpoints, err := endpointer.Endpoints(); err != nil || len(endpoints) != 2 {
				t.Errorf("registry fails with %v: got %d endpoints, error %v; want 2", down, len(endpoints), err)
			}
		}
		endpointer.Close()
		hand.Set("web")
		time.Sleep(time.Minute)
	})
}
